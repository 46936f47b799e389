"""Configuration of a model behind HTTP: address, key, limits, prices, settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.cards import CARD
from sparkles_eval.adapters.options import ModelArguments, Sampling, read_fields, read_sampling
from sparkles_eval.adapters.remote.errors import ErrorMapper
from sparkles_eval.adapters.remote.keys import fill_address, preset_key, read_key
from sparkles_eval.core import Limits, Model, Prices
from sparkles_eval.core.errors import UserError

COMMON_ARGS: Mapping[str, str] = {
    "api_key_env": "name of the environment variable that holds the key",
    "base_url": "address of the server, where it is not the provider's own; several with commas between them",
    "label": "tells apart what is served under one name, such as fp8; part of the model's name and identity",
    "drop": "generation settings that the model does not take, comma-separated",
    "max_image_edge": "pixels; a longer image is resized to it",
    "max_images": "images in one request at the most",
    "max_reply_mb": "megabytes of one reply at the most (8)",
    "name": "how tables name the model",
    "price_in": "US dollars per million input tokens",
    "price_out": "US dollars per million output tokens",
    "reasoning_tokens": "tokens for reasoning, added to the limit for the answer",
    "same_model": "true where it is the model whose answers the store holds from another address",
    "structured": "true where the server takes a JSON schema for the reply",
    "timeout": "seconds to wait for one reply",
}
_UNSENT = {"max_tokens", "reasoning_tokens", "structured", "base_url", "api_key_env", "provider", "key_header", "cache"}
"""Settings that show elsewhere: in what is sent (`Request.generation`), or as `endpoint`."""
_SETTINGS = _UNSENT | {"not_sent", "label", CARD}


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a kind of model is found when the user says nothing else."""

    kind: str
    base_url: str
    base_url_env: str
    key_env: str
    route: str
    """What follows an address in a request's URL; taken off where it was pasted with it."""
    version: str
    """The path of an address that was written without one; "" where the route has it."""
    args: Mapping[str, str]
    """The kind's own arguments; they may change answers, so they are part of the model's settings."""


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """A remote model as the user and its preset want it. `key` is None for a server that needs none."""

    model: Model
    sampling: Sampling
    structured: bool
    native: bool
    """True at the provider's own address."""
    endpoints: tuple[str, ...]
    """Every address that it is asked at; all but the provider's own stay out of the model's settings."""
    reporter: ErrorMapper
    key: str | None
    same_model: bool = False
    hosted: bool = False
    """True at a provider, OpenAI or Anthropic themselves or one that a file describes, and not at somebody's server."""
    key_header: str = ""
    """The header that carries the key alone; "" where it is the SDK's own."""
    cache: bool = False
    """True where the provider is asked to keep the shared beginnings of requests in its cache."""
    other_roots: Mapping[str, str] = field(default_factory=dict)
    """For an address that was written without a path: the other way to read it."""

    @property
    def endpoint(self) -> str:
        """Where it is asked: the only address, or the first one."""
        return self.endpoints[0]

    def each(self) -> Iterator[RemoteConfig]:
        """The same model at each of its addresses alone."""
        for endpoint in self.endpoints:
            yield replace(self, endpoints=(endpoint,), reporter=replace(self.reporter, endpoint=endpoint))


def read_remote_config(provider: Provider, model: Model, options: ModelOptions) -> RemoteConfig:
    """Reads arguments over the preset. Raises errors.UserError with the mend, as for a key that is not set."""
    args = ModelArguments(model.name, options, {**COMMON_ARGS, **provider.args})
    endpoints, other_roots = _endpoints(provider, model, args)
    native = endpoints == (provider.base_url,)
    settings = _settings(provider, model, args)
    own_room = args.text("reasoning_tokens") is not None
    sampling = read_sampling(model.name, settings, options.generation, asks_room=own_room)
    limits = _limits(model, args)
    structured = args.flag("structured")
    if structured is None:
        structured = settings["structured"] == "true" if "structured" in settings else native
    # A preset's key and prices are for the address that it names, and for no other.
    described = args.text("base_url") is None and "base_url" in settings
    env = args.text("api_key_env") or (preset_key(model, endpoints) if described else None)
    # The provider's key goes to the provider, and to nobody else's server that --model-arg base_url names.
    stranger = not native and env is None and set(endpoints) != {_endpoint(provider, model, _own(provider))[0]}
    wanted = options.sends and not stranger and (native or env is not None)
    key = read_key(model.name, env or provider.key_env, needed=wanted)
    key = None if stranger else key
    key_header = settings.get("key_header", "")
    asked = args.flag("cache") if "cache" in provider.args else None
    cache = settings.get("cache") == "true" if asked is None else asked
    hosted = native or (described and "provider" in settings)
    settings = {k: v for k, v in settings.items() if k not in _UNSENT}
    label = args.text("label") or settings.pop("label", "")
    if label:
        settings["label"] = label
    if hosted:
        settings["endpoint"] = endpoints[0]  # the provider, not a place
    ready = replace(
        model,
        name=args.text("name") or (f"{model.name}+{label}" if label else model.name),
        settings={**settings, **_image_settings(limits)},
        limits=limits,
        prices=_prices(model, args, own=native or described),
    )
    fix = f"set {env or provider.key_env} to a key that may use {model.model_id}"
    if stranger:
        fix = "name the environment variable that holds this server's key with --model-arg api_key_env=NAME"
    reporter = ErrorMapper(ready.name, endpoints[0], key or "", fix, keyless=key is None)
    same = args.flag("same_model") or False
    said = RemoteConfig(ready, sampling, structured, native, endpoints, reporter, key)
    return replace(said, same_model=same, hosted=hosted, key_header=key_header, cache=cache, other_roots=other_roots)


def _settings(provider: Provider, model: Model, args: ModelArguments) -> dict[str, str]:
    """The arguments over the preset's settings. Raises errors.UserError for one of the preset's that is unknown."""
    settings = dict(model.settings)
    unknown = sorted(set(settings) - set(provider.args) - _SETTINGS)
    if unknown:
        listed = ", ".join(sorted([*provider.args, *_SETTINGS]))
        raise UserError(
            f"{model.name}: its preset has an unknown setting {unknown[0]!r}; kind {model.kind} knows {listed}"
        )
    for name in provider.args:
        value = args.text(name)
        if value is not None:
            settings[name] = value
    if "keep_reasoning" in provider.args:
        kept = args.flag("keep_reasoning")
        if kept or (kept is None and settings.get("keep_reasoning") == "true"):
            settings["keep_reasoning"] = "true"
        else:
            settings.pop("keep_reasoning", None)
    dropped = args.text("drop")
    if dropped is not None:
        fields = read_fields(model.name, f"{settings.get('not_sent', '')},{dropped}")
        settings["not_sent"] = ",".join(sorted(fields))
    reasoning_tokens = args.integer("reasoning_tokens", low=0)
    if reasoning_tokens is not None:
        settings["reasoning_tokens"] = str(reasoning_tokens)
    return settings


def _own(provider: Provider) -> str:
    """The address that belongs to the key in the environment."""
    return (os.environ.get(provider.base_url_env) or provider.base_url).rstrip("/")


def _endpoints(provider: Provider, model: Model, args: ModelArguments) -> tuple[tuple[str, ...], dict[str, str]]:
    """The addresses in order, and for those that may be read in another way that one."""
    said = args.text("base_url") or fill_address(model) or _own(provider)
    written = [url.strip() for url in said.split(",")]
    if "" in written:
        raise UserError(f"{model.name}: base_url={said}: an address is missing beside a comma; take the comma out")
    read = dict(_endpoint(provider, model, url) for url in written)
    urls = tuple(read)
    if len(urls) > 1 and provider.base_url in urls:
        raise UserError(f"{model.name}: base_url: {provider.base_url} is the provider's own; it stands alone")
    return urls, {url: other for url, other in read.items() if other}


def _endpoint(provider: Provider, model: Model, said: str) -> tuple[str, str]:
    """The address that requests' routes are put behind, and the other way to read it ("" where there is none).

    People write a server's address with its version or without, and paste it with the route.
    """
    url = said.rstrip("/")
    pasted = url.endswith(provider.route)
    url = url.removesuffix(provider.route)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"{model.name}: base_url={said}: an http or https address such as http://localhost:8000/v1 is needed"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(f"{model.name}: base_url is stored with every run, so it may hold no user, password or query")
    if not provider.version:  # the SDK's own route begins with it
        return url.removesuffix("/v1"), ""
    if parts.path or pasted:
        return url, ""
    return url + provider.version, url


def _limits(model: Model, args: ModelArguments) -> Limits:
    base = model.limits
    return replace(
        base,
        max_images=args.integer("max_images") or base.max_images,
        max_image_edge=args.integer("max_image_edge", low=16) or base.max_image_edge,
        max_reply_bytes=_bytes(args.number("max_reply_mb", positive=True)) or base.max_reply_bytes,
        timeout_s=args.number("timeout", positive=True) or base.timeout_s,
    )


def _bytes(megabytes: float | None) -> int | None:
    return None if megabytes is None else max(1, int(megabytes * 1e6))


def _image_settings(limits: Limits) -> dict[str, str]:
    """The limits that can make an image be sent as other bytes than its own: they may change an answer."""
    found: dict[str, str] = {}
    if limits.max_image_edge is not None:
        found["max_image_edge"] = str(limits.max_image_edge)
    if limits.max_image_bytes is not None:
        found["max_image_bytes"] = str(limits.max_image_bytes)
    if limits.media_types != Limits().media_types:
        found["media_types"] = ",".join(limits.media_types)
    return found


def _prices(model: Model, args: ModelArguments, *, own: bool) -> Prices:
    low, high = args.number("price_in"), args.number("price_out")
    # Somebody else's server has somebody else's prices: unknown, unless the user says them.
    base = model.prices if own else Prices()
    if low is None and high is None:
        return base
    return replace(
        base,
        input=base.input if low is None else low,
        output=base.output if high is None else high,
        source="--model-arg",
        cached_input=base.cached_input if low is None else None,
        cache_write=base.cache_write if low is None else None,
        reasoning=base.reasoning if high is None else None,
    )
