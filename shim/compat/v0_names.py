"""The names of openai 0.28.1 that programs use, and how each fares on the new path: plain data, read by whoever needs it.

Not the names' doing (the drop-in has that) nor the finding of them in programs (`shim.doctor`). The surface is that of 0.28.1;
what its class hierarchy brings to every resource stands once, in `INHERITED`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Support: TypeAlias = Literal["supported", "upgrade", "hand"]
"""supported: runs unedited. upgrade: runs with a named upgrade. hand: a person must change it."""


class V0Name(Struct, frozen=True):
    """One name, without the leading `openai.`; `reason` and `remedy` are "" where there is nothing to say."""

    name: str
    support: Support = "supported"
    reason: str = ""
    remedy: str = ""
    upgrade: str = ""


# Module attribute -> what is worth knowing of it.
_ATTRIBUTES: dict[str, str] = {
    "api_key": "",
    "api_key_path": "The file is read at each request, as 0.28 does.",
    "api_base": "",
    "api_type": "",
    "api_version": "",
    "organization": "",
    "proxy": "It is read when a thread's session is made, as 0.28 does.",
    "requestssession": "It is honoured on the legacy path, and refused aloud on the native one.",
    "aiosession": "It is honoured on the legacy path, and refused aloud on the native one.",
    "app_info": "",
    "debug": "",
    "log": "",
    "verify_ssl_certs": "It has no effect in 0.28 either.",
    "ca_bundle_path": "It has no effect in 0.28 either.",
    "enable_telemetry": "It has no effect in 0.28 either.",
    "VERSION": "",
    "__version__": "",
}
ATTRIBUTES = tuple(_ATTRIBUTES)
"""Settings of the module, and its version."""

RESOURCES: dict[str, tuple[str, ...]] = {
    "ChatCompletion": ("create", "acreate"),
    "Completion": ("create", "acreate"),
    "Embedding": ("create", "acreate"),
    "Moderation": ("create", "acreate", "get_url", "VALID_MODEL_NAMES"),
    "Model": ("list", "alist", "retrieve", "aretrieve", "delete", "adelete"),
    "Engine": ("list", "alist", "retrieve", "aretrieve", "generate", "agenerate", "embeddings", "modify", "amodify"),
    "Edit": ("create", "acreate"),
    "Audio": (
        *("transcribe", "atranscribe", "transcribe_raw", "atranscribe_raw"),
        *("translate", "atranslate", "translate_raw", "atranslate_raw"),
    ),
    "Image": ("create", "acreate", "create_variation", "acreate_variation", "create_edit", "acreate_edit"),
    "File": (
        *("create", "acreate", "list", "alist", "retrieve", "aretrieve", "delete", "adelete", "download", "adownload"),
        *("find_matching_files", "afind_matching_files", "wait_for_processing"),
    ),
    "FineTune": (
        *("create", "acreate", "list", "alist", "retrieve", "aretrieve", "delete", "adelete", "cancel", "acancel"),
        *("list_events", "alist_events", "stream_events", "astream_events"),
    ),
    "FineTuningJob": (
        *("create", "acreate", "list", "alist", "retrieve", "aretrieve", "cancel", "acancel"),
        *("list_events", "alist_events", "auto_paging_iter"),
    ),
    "Deployment": ("create", "acreate", "list", "alist", "retrieve", "aretrieve", "delete", "adelete"),
    "Customer": ("create", "acreate", "get_url"),
    "ErrorObject": (),
}
"""Class -> its methods, beside `INHERITED`."""

INHERITED = frozenset(
    {
        *("OBJECT_NAME", "class_url", "instance_url", "construct_from", "refresh_from", "request", "arequest"),
        *(
            "refresh",
            "arefresh",
            "retrieve",
            "aretrieve",
            "auto_paging_iter",
            "api_base",
            "to_dict",
            "to_dict_recursive",
        ),
        *("wait", "await_", "response_ms", "openai_id", "typed_api_type", "engine_required", "plain_old_data"),
        *("get", "items", "keys", "values", "pop", "update", "copy", "fromkeys", "setdefault", "clear", "mro"),
        *("__name__", "__module__", "__qualname__", "__doc__", "__class__", "__init__", "__dict__", "__mro__"),
    }
)
"""Members that 0.28's base classes give every resource and object."""

ERRORS = (
    *("OpenAIError", "APIError", "TryAgain", "Timeout", "APIConnectionError", "InvalidRequestError"),
    *("AuthenticationError", "PermissionError", "RateLimitError", "ServiceUnavailableError", "InvalidAPIType"),
    "SignatureVerificationError",
)
"""Classes of `openai.error`; of the module itself only the three in `TOP_LEVEL_ERRORS`."""
TOP_LEVEL_ERRORS = ("OpenAIError", "APIError", "InvalidRequestError")

SUBMODULES: dict[str, tuple[str, ...]] = {
    "error": ERRORS,
    "util": (
        *("ApiType", "convert_to_openai_object", "convert_to_dict", "merge_dicts", "default_api_key", "logger"),
        *("log_debug", "log_info", "log_warn", "logfmt", "get_object_classes", "api_key_to_header", "OPENAI_LOG"),
    ),
    "api_requestor": (
        *("APIRequestor", "TIMEOUT_SECS", "MAX_CONNECTION_RETRIES", "MAX_SESSION_LIFETIME_SECS", "AioHTTPSession"),
        *("parse_stream", "parse_stream_async", "parse_stream_helper"),
    ),
    "openai_object": ("OpenAIObject",),
    "openai_response": ("OpenAIResponse",),
    "object_classes": ("OBJECT_CLASSES",),
    "version": ("VERSION",),
    "embeddings_utils": (
        *("get_embedding", "aget_embedding", "get_embeddings", "aget_embeddings", "cosine_similarity"),
        *("distances_from_embeddings", "indices_of_nearest_neighbors_from_distances"),
        *("plot_multiclass_precision_recall", "pca_components_from_embeddings", "tsne_components_from_embeddings"),
        *("chart_from_components", "chart_from_components_3D"),
    ),
    "datalib": ("common", "numpy_helper", "pandas_helper"),
    "datalib.common": ("INSTRUCTIONS", "NUMPY_INSTRUCTIONS", "PANDAS_INSTRUCTIONS", "MissingDependencyError"),
    "datalib.numpy_helper": ("numpy", "assert_has_numpy", "HAS_NUMPY"),
    "datalib.pandas_helper": ("pandas", "assert_has_pandas", "HAS_PANDAS"),
    "api_resources": (*RESOURCES, "abstract", "experimental"),
    "api_resources.abstract": ("APIResource", "engine_api_resource", "api_resource"),
    "api_resources.abstract.engine_api_resource": ("EngineAPIResource", "util", "MAX_TIMEOUT"),
    "api_resources.abstract.api_resource": ("APIResource",),
}
"""Submodule -> what programs use of it."""

RESOURCE_MODULES: dict[str, str] = {
    "api_resources.audio": "Audio",
    "api_resources.chat_completion": "ChatCompletion",
    "api_resources.completion": "Completion",
    "api_resources.customer": "Customer",
    "api_resources.deployment": "Deployment",
    "api_resources.edit": "Edit",
    "api_resources.embedding": "Embedding",
    "api_resources.engine": "Engine",
    "api_resources.error_object": "ErrorObject",
    "api_resources.file": "File",
    "api_resources.fine_tune": "FineTune",
    "api_resources.fine_tuning": "FineTuningJob",
    "api_resources.image": "Image",
    "api_resources.model": "Model",
    "api_resources.moderation": "Moderation",
}
"""Module of a resource -> the class in it, which is the one of the top level."""

RETIRED: dict[str, str] = {"Edit": "edits", "Engine": "engines", "FineTune": "fine-tunes"}
"""Class -> the endpoint it asks, which answers no more."""

_RETIRED_REMEDY = {
    "Edit": "Ask ChatCompletion with the instruction and the text as messages.",
    "Engine": "Ask Model.list or Model.retrieve, which tell the same models.",
    "FineTune": "Use FineTuningJob, which 0.28 has too, with a model that can be tuned today.",
}

# Name -> why a person must look, and what to do.
_BY_HAND: dict[str, tuple[str, str]] = {
    "Customer": ("It asks an endpoint that the public API never had.", "Take the call out."),
    "Engine.generate": ("/engines/NAME/generate is gone.", "Ask Completion.create or ChatCompletion.create."),
    "Engine.embeddings": ("/engines/NAME/embeddings is gone.", "Ask Embedding.create."),
    "api_resources.experimental": ("It asks endpoints that are gone.", "Take the call out."),
    "wandb_logger": ("It is a tool beside the library, and no part of the drop-in.", "Keep openai 0.28 for it."),
    "cli": ("It is 0.28's command line, and no part of the drop-in.", "Keep openai 0.28 for it."),
    "validators": ("It serves 0.28's command line, and is no part of the drop-in.", "Keep openai 0.28 for it."),
    "upload_progress": ("It serves 0.28's command line, and is no part of the drop-in.", "Keep openai 0.28 for it."),
    "error.set_display_cause": ("0.28.1 has no such name.", "Take the call out: it raises AttributeError there too."),
}


def _rows() -> list[V0Name]:
    rows = [V0Name(name, reason=reason) for name, reason in _ATTRIBUTES.items()]
    rows += [V0Name(name) for name in TOP_LEVEL_ERRORS]
    for resource, methods in RESOURCES.items():
        rows += [_resource_row(resource, f"{resource}.{method}" if method else resource) for method in ("", *methods)]
    for module, names in SUBMODULES.items():
        rows += [V0Name(module), *(V0Name(f"{module}.{name}") for name in names)]
    rows += [V0Name(module) for module in RESOURCE_MODULES]
    rows += [V0Name(name, "hand", reason, remedy) for name, (reason, remedy) in _BY_HAND.items()]
    known = {row.name: row for row in rows}
    return [_as_at_the_top(row, known) for row in rows]


def _as_at_the_top(row: V0Name, known: dict[str, V0Name]) -> V0Name:
    """A class in `api_resources` fares as the same class at the top level."""
    head, _, resource = row.name.partition(".")
    same = known[resource] if head == "api_resources" and resource in RESOURCES else row
    return V0Name(row.name, same.support, same.reason, same.remedy, same.upgrade)


def _resource_row(resource: str, name: str) -> V0Name:
    if resource not in RETIRED:
        return V0Name(name)
    return V0Name(name, "hand", f"The endpoint /v1/{RETIRED[resource]} is gone.", _RETIRED_REMEDY[resource])


NAMES: dict[str, V0Name] = {row.name: row for row in _rows()}
"""Name, without `openai.` -> how it fares."""

LATER_NAMES = frozenset(
    {
        *("OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI", "Client", "AsyncClient", "Stream", "AsyncStream"),
        *("APIStatusError", "BadRequestError", "NotFoundError", "ConflictError", "InternalServerError"),
        *("PermissionDeniedError", "UnprocessableEntityError", "APITimeoutError", "APIResponseValidationError"),
        *("APIResponse", "NOT_GIVEN", "NotGiven", "Omit", "types", "resources", "lib", "_types", "pagination"),
        *("chat", "completions", "embeddings", "images", "audio", "files", "models", "moderations", "responses"),
        *("fine_tuning", "beta", "batches", "azure_endpoint", "azure_ad_token", "azure_ad_token_provider"),
        *("base_url", "default_headers", "default_query", "http_client", "max_retries", "timeout"),
        *("AssistantEventHandler", "AsyncAssistantEventHandler", "pydantic_function_tool", "DefaultHttpxClient"),
        *("DefaultAsyncHttpxClient", "UnsupportedModule", "LengthFinishReasonError", "ContentFilterFinishReasonError"),
    }
)
"""Names of the module that only openai 1.0 and later has; code that uses them is not 0.28's."""
