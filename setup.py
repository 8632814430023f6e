"""Packaging: metadata and extras. Tool settings live in pyproject.toml."""

from setuptools import find_packages, setup

NATIVE = ["pycurl>=7.45.3", "certifi"]
FLAGS = ["openfeature-sdk>=0.8"]
REDIS = ["redis>=5"]
OTEL = ["opentelemetry-api>=1.30"]
V0 = ["numpy>=1.22"]
CLI = ["rich>=13", "jinja2>=3.1", "h11>=0.14"]
TESTING = ["h11>=0.14", "h2>=4.1", "trustme>=1.1"]
DEV = [
    "coverage[toml]>=7.6",
    "gunicorn>=22",
    "hypothesis>=6.100",
    "mypy>=1.13",
    "openfeature-flagd-core>=2",
    "openfeature-provider-env-var>=0.1.1",
    "opentelemetry-sdk>=1.30",
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "responses>=0.25",
    "ruff>=0.8",
    "types-requests>=2.32",
]

setup(
    name="legacy-openai-shim",
    version="0.1.0",
    description="Move a legacy OpenAI client to a new provider interface: adapter, side-by-side proof, staged rollout.",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["legacy_openai", "legacy_openai.*", "shim", "shim.*"]),
    package_data={
        "legacy_openai": ["py.typed"],
        "shim": ["py.typed"],
        "shim.comparison.report": ["*.jinja", "*.css", "*.js"],
    },
    install_requires=["requests>=2.32", "urllib3>=2.3", "msgspec>=0.19", 'tomli>=2; python_version < "3.11"'],
    extras_require={
        "native": NATIVE,
        "flags": FLAGS,
        "otel": OTEL,
        "redis": REDIS,
        "v0": V0,
        "cli": CLI,
        "testing": TESTING,
        "dev": DEV + NATIVE + FLAGS + REDIS + OTEL + V0 + CLI + TESTING,
    },
    entry_points={
        "console_scripts": ["shim = shim.cli:main"],
        "pytest11": ["shim = shim.testing.pytest_plugin"],
    },
    classifiers=[
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3",
        "Typing :: Typed",
    ],
)
