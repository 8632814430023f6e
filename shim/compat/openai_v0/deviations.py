"""Where this package does not do as openai 0.28.1 did, with the reason: the one table.

Not a list of bugs: each line is on purpose. `bench.parity_v0` counts the facts that differ by it, and finds none that is not
here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Way: TypeAlias = Literal["legacy", "native"]
_BOTH: tuple[Way, ...] = ("legacy", "native")


class Deviation(Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        name: short, for counting.
        there, here: what 0.28.1 does, and what this does.
        reason: why.
        modes: the providers of chat it holds for.
        measured: regular expressions of the calls of the parity suite and of the facts in which it shows.
    """

    name: str
    there: str
    here: str
    reason: str
    modes: tuple[Way, ...] = _BOTH
    measured: tuple[tuple[str, str], ...] = ()


_ODD_BODY = (
    r"^chat@(async )?(nan|surrogate|model int|model empty|int content|bad role|no role|no messages|messages text|message text"
    r"|stream text)$"
)

# What is told of an exception, wherever in a call it comes. Of a chunk more is told: one that is missing is seen all the same.
_EXCEPTION = (
    r"^/outcome/(raised|gave/\d+)/(caught by|class|code|error|http_body|http_status|json_body|organization|param|request_id"
    r"|retry-after|should_retry|text|user_message)(/|$)"
)
_WORDS = r"^/outcome/(raised|gave/\d+)/(text|user_message)$"

DEVIATIONS: tuple[Deviation, ...] = (
    # --- shown by the parity suite -----------------------------------------------------------------------------------
    Deviation(
        name="a broken stream is one exception for both catchers",
        there="requests' ChunkedEncodingError or ConnectionError as it is; async calls aiohttp's, or a bare TimeoutError",
        here="StreamBrokenError: those of requests and openai.error.APIConnectionError in one; async also aiohttp's",
        reason="old code catches the one or the other, and neither may be missed",
        measured=(
            (r"^(stream_(cut|reset|stall|ends_with)|stalled_stream)\w*@", _EXCEPTION),
            (r"^((cut|reset)_(after_head|in_body)|bad_gzip)@a?streamed$", _EXCEPTION),
        ),
    ),
    Deviation(
        name="an async answer that is cut is an APIConnectionError",
        there="aiohttp's ClientPayloadError as it is",
        here="openai.error.APIConnectionError, as a blocking call always had it",
        reason="async calls go without aiohttp",
        measured=((r"^(cut|(cut|reset)_(after_head|in_body)|bad_gzip)@async$", _EXCEPTION),),
    ),
    Deviation(
        name="headers in the words of an async APIError",
        there="written as aiohttp writes them: <CIMultiDictProxy(...)>",
        here="written as a blocking call has them: {...}",
        reason="async calls go without aiohttp; `headers` itself is case-insensitive either way",
        measured=((r"^(status_\d+|untyped_500)@(async|astreamed)$", _WORDS),),
    ),
    Deviation(
        name="no line end behind a payload in an async error",
        there="`http_body` of an error inside an async stream ends with a line end",
        here="it does not, as in a blocking one",
        reason="an oddity of how aiohttp reads lines",
        measured=((r"^(stream|payload)_\w+@astreamed$", r"^/outcome/gave/\d+/(http_body|text|user_message)$"),),
    ),
    Deviation(
        name="an async answer is read as a blocking one is",
        there="aiohttp refuses a head that breaks off, ends lines at a line feed alone, misses the line end behind the last "
        "chunk, and loses what came with a bad chunk size",
        here="as requests and iter_lines read it (native: as curl does): such a head is an empty answer, a carriage return "
        "ends a line, what came is given; a stream with a Content-Length that is cut may lose its last piece, as a blocking "
        "one does",
        reason="async calls go without aiohttp; no API sends any of these",
        measured=(
            (r"^cut_in_head@(async|astreamed)$", _EXCEPTION),
            (r"^(payload_carriage_returns|stream_ends_with_bad_chunk_size)@astreamed$", r"^/outcome/gave/"),
            (r"^stream_(cut_in_last_chunk|(cut|reset)_of_counted)@astreamed$", r"^/outcome/gave/"),
        ),
    ),
    Deviation(
        name="a request that no provider can carry is refused",
        there="sent all the same, a name and password in api_base as basic auth; the server's words come back",
        here="InvalidRequestError that names the place in the body, a header that is not printable ASCII, or such an api_base; "
        "nothing is sent (with the legacy client: as there, by way of requests)",
        reason="the native provider writes requests it has checked",
        modes=("native",),
        measured=((_ODD_BODY, r"^/"), (r"^chat@key with line end$", r"^/outcome/raised/")),
    ),
    Deviation(
        name="a slash at the end of api_base is dropped",
        there="two slashes are sent",
        here="one is (with the legacy client: two)",
        reason="providers take an address with or without it",
        modes=("native",),
        measured=((r"^chat@double slash$", r"^/requests/0/path$"),),
    ),
    Deviation(
        name="a redirect is not followed",
        there="followed, as requests and aiohttp do",
        here="APIError or InvalidRequestError of that status (with the legacy client: followed)",
        reason="a redirected POST may carry the key elsewhere",
        modes=("native",),
        measured=((r"^redirect(@async)?$", r"^/"), (r"^chat$", r"^/requests")),
    ),
    Deviation(
        name="requestssession is refused",
        there="used by every blocking call",
        here="UnsupportedFeatureError when it is set, or at the call (with the legacy client: used)",
        reason="libcurl takes no session of requests, and an ignored one would be worse",
        modes=("native",),
        measured=((r"^chat@sessions$", r"^/"),),
    ),
    Deviation(
        name="words for what went wrong below HTTP",
        there="those of requests and urllib3",
        here="the provider's (with the legacy client: as there, but for the names of its connection classes)",
        reason="another transport; classes and attributes are the same",
        modes=("native",),
        measured=(
            (r"^(silent@|cut$|chat@module constant$)", _WORDS),
            (r"^((cut|reset)_|bad_status_line|stalled_whole)\w*@(whole|streamed)$", _WORDS),
        ),
    ),
    Deviation(
        name="headers in the words of an APIError",
        there="names as the server spelled them",
        here="names in lower case",
        reason="libcurl and HTTP/2 have them so; `headers` itself is case-insensitive",
        modes=("native",),
        measured=((r"^(status_\d+|untyped_500)(@whole|@streamed)?$", _WORDS),),
    ),
    Deviation(
        name="a head that breaks off is a fault",
        there="an answer without headers and body: an APIError of its status",
        here="APIConnectionError (with the legacy client: as there)",
        reason="libcurl tells it from an answer",
        modes=("native",),
        measured=((r"^cut_in_head@(whole|streamed)$", _EXCEPTION),),
    ),
    Deviation(
        name="a silence in the midst of an answer is a Timeout",
        there="APIConnectionError from a blocking call, Timeout from an async one",
        here="openai.error.Timeout from both (with the legacy client: as there)",
        reason="the provider has one clock for both; whoever meets this silence meets one before the answer too, a Timeout",
        modes=("native",),
        measured=((r"^stalled_whole_\w+@whole$", _EXCEPTION),),
    ),
    Deviation(
        name="a payload that is no chunk ends a stream",
        there="text, a list and NaN are given out as they are, and reading goes on",
        here="the payload is given out, others as far as they have come, then the stream breaks (with the legacy client: as "
        "there)",
        reason="the native provider lets go of a server that does not speak its API",
        modes=("native",),
        measured=((r"^payload_(text|list|nan)@a?streamed$", r"^/outcome/gave/"),),
    ),
    Deviation(
        name="what came before a break is given",
        there="requests loses the last 512 bytes at most of a stream with a Content-Length that is cut",
        here="every event that came is given (with the legacy client: as there)",
        reason="the native provider reads what there is",
        modes=("native",),
        measured=((r"^stream_(cut|reset)_of_counted@streamed$", r"^/outcome/gave/"),),
    ),
    Deviation(
        name="an event stream that was not asked for is read",
        there="APIError with the whole of it as text",
        here="the answer it comes to (with the legacy client: as there)",
        reason="gateways send one; the native provider reads it for all its callers",
        modes=("native",),
        measured=((r"^stream@asked whole$", r"^/outcome/"),),
    ),
    Deviation(
        name="a whole answer called text/plain is read",
        there="given as a str",
        here="given as an object where it is JSON (with the legacy client: as there)",
        reason="gateways name it so; the native provider reads it for all its callers",
        modes=("native",),
        measured=((r"^typed_plain_latin@(whole|async)$", r"^/outcome/gave"),),
    ),
    Deviation(
        name="no compression is asked for",
        there="gzip is asked for and taken off; bad gzip is a fault",
        here="none is asked for, and what comes is read as it is (with the legacy client: as there)",
        reason="compression holds up streams",
        modes=("native",),
        measured=((r"^bad_gzip@", r"^/outcome/"),),
    ),
    Deviation(
        name="what looks like a key is masked in an error",
        there="OpenAI's words hold the first and last letters of a wrong key: sk-w********rong",
        here="[masked key] (with the legacy client: as there)",
        reason="errors are logged, and the native provider masks for all its callers",
        modes=("native",),
        measured=((r"^status_401_masked@", r"^/outcome/"),),
    ),
    # --- beside it ---------------------------------------------------------------------------------------------------
    Deviation(
        name="no key over plain HTTP",
        there="sent to any http:// address; Azure's api-key goes along with a redirect, wherever that leads",
        here="InvalidRequestError before anything is sent, unless the host is this machine or is named: "
        "SHIM_INSECURE_HOSTS=host in the environment. No credential goes along where a redirect leaves https, or the host",
        reason="whoever is between reads the key",
    ),
    Deviation(
        name="a pickle holds no API key",
        there="an object's pickle holds the key of its call",
        here="the key is None after unpickling, and openai.api_key counts for further requests of the object",
        reason="answers are cached on disks and sent to other processes; a key does not belong there",
    ),
    Deviation(
        name="a key is not repeated in an error",
        there="an error's text has it where the server, or requests, repeats the whole key",
        here="it is masked there",
        reason="errors are logged",
        measured=((r"^chat@key with line end$", r"^/outcome/raised/(text|user_message)$"),),
    ),
    Deviation(
        name="the same JSON in other bytes",
        there="json.dumps with spaces, other characters escaped",
        here="compact UTF-8, as providers write it; other endpoints as there",
        reason="the request goes through the provider's own codec; a server reads the same",
    ),
    Deviation(
        name="hooks and auth of a session run on another thread",
        there="on the calling thread",
        here="for chat on the legacy client's thread, one call at a time per caller; other endpoints as there",
        reason="the legacy client sends from threads of its own",
    ),
    Deviation(
        name="a stream may begin with its first bytes",
        there="create(stream=True) returns with the head",
        here="the same on the legacy client; on the native provider with the first bytes of the body, so that silence before "
        "them is openai.error.Timeout",
        reason="providers tell nothing before there is something to tell",
        modes=("native",),
        measured=((r"^stalled_stream_after_head@astreamed$", _EXCEPTION),),
    ),
    Deviation(
        name="openai.proxy counts from the next call on",
        there="a thread that has called keeps its session, and that its proxy, for up to 180 s; async calls take it at once",
        here="at once (with the legacy client: as there)",
        reason="the native provider has no session that would keep an old setting",
        modes=("native",),
    ),
    Deviation(
        name="aiosession takes None alone",
        there="an aiohttp.ClientSession set there carries async calls",
        here="UnsupportedFeatureError when it is set",
        reason="async calls go without aiohttp, and an ignored session would be worse",
    ),
    Deviation(
        name="async calls verify with the certificates of requests",
        there="with the system's, as aiohttp does",
        here="with certifi's (on the native provider too); the environment's proxies do not count in either",
        reason="async calls go without aiohttp",
    ),
    Deviation(
        name="mocks and logs of a transport see what goes through it",
        there="blocking calls are seen by responses and other patches of requests, async ones by aioresponses",
        here="async calls go through requests too; chat on the native provider is seen by neither, and would reach the network: "
        "patch openai.ChatCompletion.create, or stay on the legacy client for such tests",
        reason="async calls go without aiohttp, the native provider without requests",
    ),
    Deviation(
        name="a module says its own name",
        there="module 'openai' has no attribute ..., cannot import name ... from 'openai'",
        here="the same exceptions say 'shim.compat.openai_v0', and so does openai.__name__; classes say openai",
        reason="it is one module under two names, and who reads such a message should know which openai it stands on",
    ),
    Deviation(
        name="File.adownload works",
        there="AttributeError: there is no api_requestor.aiohttp_session",
        here="gives the content",
        reason="nobody can rely on what never worked",
    ),
    Deviation(
        name="a provider of one's own has its own address and key",
        there="(there is no such thing)",
        here="with openai.use(provider) api_base says nothing, and no key is handed to it",
        reason="a key must not reach a server it was not meant for",
    ),
    Deviation(
        name="chat answers of other APIs are written as Chat Completions",
        there="(there is no such thing)",
        here="answers of the Responses API, of providers of one's own, and streams of a rollout's candidate, are written anew",
        reason="old code reads Chat Completions; a field it has no place for is left out",
        modes=("native",),
    ),
    Deviation(
        name="no command line",
        there="openai.cli, openai.validators, openai.wandb_logger",
        here="ModuleNotFoundError that says where to run them",
        reason="tools for people at a terminal, and no part of a service",
    ),
)
