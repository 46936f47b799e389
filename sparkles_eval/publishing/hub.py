"""Uploads a site to a Hugging Face Space and a bundle to a data set, with huggingface_hub.

The token is huggingface_hub's own matter (HF_TOKEN or `hf auth login`); it is never read, stored or shown here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.core.text import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def check_repository(repository: str) -> None:
    """Raises errors.UserError for a name that is not OWNER/NAME, and errors.MissingExtra without huggingface_hub."""
    if not _REPOSITORY.fullmatch(repository):
        raise UserError(f"--push {repository}: write OWNER/NAME, as the address on the Hub has it")
    try:
        import huggingface_hub  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingExtra("--push", "hub") from error


def push_site(folder: Path, repository: str) -> str:
    """Upload a site's folder to a static Space, which is made where it is missing; gives its address.

    Pages of an older site that are not in the folder any more are removed. Raises errors.UserError where the Hub
    refuses.
    """
    with _api(repository) as api:
        api.create_repo(repository, repo_type="space", space_sdk="static", exist_ok=True)
        found = api.upload_folder(
            repo_id=repository,
            repo_type="space",
            folder_path=folder,
            commit_message="Site by sparkles-eval",
            ignore_patterns=[".sparkles-site"],
            delete_patterns=["*.html", "assets/*", "downloads/*", "figures/*", "samples/*"],
        )
    return found.commit_url.partition("/commit/")[0]


def push_bundle(bundle: Path, repository: str) -> str:
    """Upload a bundle to a data set, which is made (private) where it is missing; gives its address.

    Raises errors.UserError where the Hub refuses.
    """
    with _api(repository) as api:
        api.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        found = api.upload_file(
            path_or_fileobj=bundle,
            path_in_repo=bundle.name,
            repo_id=repository,
            repo_type="dataset",
            commit_message=f"Bundle {bundle.name} by sparkles-eval",
        )
    return found.commit_url.partition("/commit/")[0]


@contextmanager
def _api(repository: str) -> Iterator[HfApi]:
    """The Hub; its refusals become one line that holds no token."""
    check_repository(repository)
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        yield HfApi(library_name="sparkles-eval")
    except LocalTokenNotFoundError as error:
        raise UserError(f"--push {repository}: the Hub needs a token; set HF_TOKEN or run `hf auth login`") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        why = {401: "the token is missing or wrong", 403: "the token may not write there", 404: "it is not there"}
        said = why.get(status)
        raise UserError(f"--push {repository}: the Hub refused ({status}{f': {said}' if said else ''})") from error
    except _network_errors() as error:
        what = one_line(type(error).__name__, 100)
        raise UserError(f"--push {repository}: {constants.ENDPOINT} cannot be reached ({what})") from error


def _network_errors() -> tuple[type[Exception], ...]:
    """What the Hub's HTTP library raises where nobody answers; which library it is depends on the version."""
    names = [name for name in ("httpx", "httpx2") if find_spec(name)]
    return (OSError, *(import_module(name).HTTPError for name in names))
