"""Packaging: metadata and extras. Tool settings live in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

# Each floor is the lowest that works, and has no known hole that its use here would open: `make lowest` tests them.
NATIVE = ["pycurl>=7.46", "certifi"]
# An old codebase pins the old pair: it goes beside the safe new ones, the versions with known holes between them do not.
REQUIRED = [
    "requests>=2.28.2,!=2.32.0,!=2.32.1,!=2.32.2,!=2.32.3",
    "urllib3>=1.26.18,!=2.0.*,!=2.1.*,!=2.2.*,!=2.3.*,!=2.4.*,!=2.5.*,!=2.6.0,!=2.6.1,!=2.6.2",
    "msgspec>=0.21",
    'tomli>=2; python_version < "3.11"',
]
FLAGS = ["openfeature-sdk>=0.8"]
REDIS = ["redis>=5"]
OTEL = ["opentelemetry-api>=1.30"]
EMBEDDINGS = ["numpy>=1.22"]
REMOTE = ["fsspec>=2023.1"]  # recordings and parts at s3://, gs://, https://: one interface for all of them
CLUSTER = ["distributed>=2024.1"]  # shim compare --scheduler
CLI = ["rich>=13", "jinja2>=3.1", "h11>=0.16"]
TESTING = ["h11>=0.16", "h2>=4.1", "trustme>=1.1"]
DEV = [
    "coverage[toml]>=7.6",
    "flask>=3",
    "flask-cors>=5",
    "gunicorn>=22",
    "hypothesis>=6.100",
    "moto[s3]>=5",  # with the two of flask above: its server, an S3 on loopback; `moto[server]` would bring all of AWS
    "mypy>=1.13",
    "openfeature-flagd-core>=2",
    "openfeature-provider-env-var>=0.1.1",
    "opentelemetry-sdk>=1.30",
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "responses>=0.22",
    "ruff>=0.8",
    "s3fs>=2024.2",  # brings aiohttp, by which fsspec reads https://
    "setuptools>=69",  # a test reads this file
    "types-requests>=2.32",
]

setup(
    name="legacy-openai-shim",
    version="0.1.0",
    description="Move a legacy OpenAI client to a new provider interface: adapter, side-by-side proof, staged rollout.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["legacy_openai", "legacy_openai.*", "shim", "shim.*"]),
    package_data={
        "legacy_openai": ["py.typed"],
        "shim": ["py.typed"],
        "shim.compat": ["openai_v0_on_path/*.py"],
        "shim.comparison.report": ["*.jinja", "*.css", "*.js"],
        "shim.migration.report": ["*.jinja", "*.css"],
    },
    install_requires=REQUIRED,
    extras_require={
        "native": NATIVE,
        "flags": FLAGS,
        "otel": OTEL,
        "redis": REDIS,
        "embeddings": EMBEDDINGS,
        "cli": CLI,
        "remote": REMOTE,
        "cluster": CLUSTER,
        "testing": TESTING,
        "dev": DEV + NATIVE + FLAGS + REDIS + OTEL + EMBEDDINGS + CLI + REMOTE + CLUSTER + TESTING,
    },
    entry_points={
        "console_scripts": ["shim = shim.cli:main"],
        "pytest11": ["shim = shim.testing.pytest_plugin"],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Typing :: Typed",
    ],
)
