"""The sampler in a vLLM server: a process of its own, which must say of every response which weights drew it."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import RecipeError, RunError
from ..models.decoder import Decoder
from ..models.encode import continuation, encode
from ..models.load import save_alone
from ..recipe import Decoding
from ..text import Finish, Group, Prompt, Response
from .generator import end_tokens, settings_of
from .vllm_server import NEEDED, NEEDED_ON_CPU, Server, start

LOWEST = 0.01  # of any lower temperature vLLM makes this one


class VllmGenerator:
    """Samples from a vLLM server, which is sent the weights of a `Decoder` whenever they have changed.

    Every response must come with the version of the weights that drew all of its tokens; one that was drawn by others
    ends the run. Weights go through a folder that the server reads, so it runs on this machine.
    """

    def __init__(self, decoder: Decoder, *, server: str, at_once: int = 64) -> None:
        """`server` is the URL of one that runs, or the command of vLLM to start one with: `vllm`, its path, options.

        `at_once` prompts are asked about at a time. The server is started when it is first needed.
        """
        self.decoder, self.place, self.at_once = decoder, server, at_once
        self._ends = end_tokens(decoder)
        self._server: Server | None = None
        self._sent = ""  # the version of the weights that the server was sent last
        self._name = uuid.uuid4().hex[:8]  # parts our versions from those of another run on the same server
        self._folder = Path(tempfile.mkdtemp(prefix="prefloop-vllm-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Generator.sample`. Every response has a seed of its own.

        The server adds up numbers in the order that its batches suggest, so that now and then the same seed may draw
        another token, as on any server.

        Raises:
            RecipeError: a cut or temperature at which vLLM's log-probabilities are not those the trainer computes.
            RunError: the server fails, or has drawn a response with other weights than the decoder's.
        """
        _must_agree(decoding)
        encoded = [encode(p, self.decoder.tokenizer) for p in prompts]
        self.decoder.must_fit(max(map(len, encoded), default=0) + decoding.max_tokens)
        server = self._up_to_date()

        def ask(place: int) -> Group:
            body = self._request(encoded[place], k, decoding, seed=_seed(seed, place))
            choices = server.call("/inference/v1/generate", body)["choices"]
            drawn = [self._response(c, encoded[place], decoding) for c in sorted(choices, key=lambda c: c["index"])]
            responses = drawn if len(drawn) == k else drawn * k  # temperature 0 is asked for once
            return Group(prompt=prompts[place], prompt_ids=encoded[place], responses=tuple(responses))

        groups = []
        with ThreadPoolExecutor(self.at_once) as pool:
            for group in pool.map(ask, range(len(prompts))):
                groups.append(group)
                if progress is not None:
                    progress(sum(len(r.ids) for r in group.responses))
        return groups

    def _wanted(self) -> str:
        """What the weights of now are called on the server: their version, and a mark of what they are.

        The version alone would not do: a second `optimise` of the same model counts its steps from 0 again.
        """
        sums = torch.stack([p.detach().sum(dtype=torch.float32).cpu() for p in self.decoder.model.parameters()])
        mark = hashlib.sha256(sums.numpy().tobytes()).hexdigest()[:12]
        return f"{self._name}/{self.decoder.version}/{mark}"

    def _up_to_date(self) -> Server:
        """The server, with the decoder's weights of now."""
        wanted = self._wanted()
        if self._server is not None and self._sent == wanted:
            return self._server
        save_alone(self.decoder, self._folder / "weights")
        if self._server is None:
            self._server = self._reached()
        self._sent = ""  # until all of it went well
        load = {"method": "reload_weights", "kwargs": {"weights_path": str(self._folder / "weights")}}
        self._server.call("/collective_rpc", load)
        if not self._server.call("/reset_prefix_cache", {})["success"]:
            raise RunError(
                f"the vLLM server at {self._server.url} keeps what it has read with older weights: somebody else uses "
                "it. Give the run a server of its own."
            )
        self._server.call("/update_weight_version", {"new_version": wanted})
        self._sent = wanted
        return self._server

    def _reached(self) -> Server:
        dtype = str(next(self.decoder.model.parameters()).dtype).removeprefix("torch.")
        if not self.place.startswith(("http://", "https://")):
            needed = (*NEEDED, *(NEEDED_ON_CPU if self.decoder.device.type == "cpu" else ()))
            return start(shlex.split(self.place), self._folder / "weights", ("--dtype", dtype, *needed))
        server = Server(self.place)
        _must_suit(server, dtype)
        return server

    def _request(self, ids: Sequence[int], k: int, decoding: Decoding, *, seed: int) -> dict[str, Any]:
        return {
            "token_ids": list(ids),
            "sampling_params": {
                "n": k if decoding.temperature > 0 else 1,
                "seed": seed,
                "max_tokens": decoding.max_tokens,
                "temperature": decoding.temperature,
                "stop": list(decoding.stop),
                "stop_token_ids": sorted(self._ends),
                "ignore_eos": True,  # only the tokens above end a response, as they do here
                "detokenize": bool(decoding.stop),
                "logprobs": 0,  # of the drawn token alone
            },
        }

    def _response(self, choice: dict[str, Any], prompt: Sequence[int], decoding: Decoding) -> Response:
        ids, content = choice["token_ids"], choice["logprobs"]["content"]
        spans = choice["weight_versions"]
        if spans != [{"version": self._sent, "start": 0, "end": len(ids)}]:
            raise RunError(
                f"the vLLM server has drawn a response with the weights {spans}, and the policy's are {self._sent}: "
                "somebody else sends it weights. Give the run a server of its own."
            )
        if [c["token_id"] for c in content] != ids:
            raise RunError("the vLLM server gave log-probabilities of other tokens than those it drew.")
        text = continuation(prompt, [i for i in ids if i not in self._ends], self.decoder.tokenizer)
        finish = _finish(choice)
        if finish == "stop":
            text = text[: min((at for at in map(text.find, decoding.stop) if at >= 0), default=None)]
        return Response(
            text=text,
            ids=tuple(ids),
            mask=(1,) * len(ids),
            logp=tuple(c["logprob"] for c in content),
            finish=finish,
            model_version=self.decoder.version,
            sampling=settings_of(decoding),
        )


def _finish(choice: dict[str, Any]) -> Finish:
    """How a response ended: vLLM says "stop" of an end token, which it names by its number, and of a stop string."""
    reason, by = choice["finish_reason"], choice["stop_reason"]
    if reason == "length":
        return "length"
    if reason == "stop":
        return "stop" if isinstance(by, str) else "end"
    raise RunError(f"the vLLM server gave a response up ({reason}): its log says why.")


def _must_suit(server: Server, dtype: str) -> None:
    """Refuse a server whose log-probabilities are others, or that would keep a part of its first weights."""
    config = server.call("/server_info?config_format=json")["vllm_config"]
    has = config["model_config"]
    for name, wanted in (("logprobs_mode", "processed_logprobs"), ("dtype", f"torch.{dtype}")):
        if has[name] != wanted:
            raise RunError(
                f"the vLLM server at {server.url} has {name} {has[name]} and this policy needs {wanted}: start it with "
                f"--{name.replace('_', '-')} {wanted.removeprefix('torch.')}."
            )
    if config["device_config"]["device"] == "cpu":
        _must_suit_on_cpu(server, Path(has["model"]) / "config.json", config["scheduler_config"])


def _must_suit_on_cpu(server: Server, described: Path, scheduler: dict[str, Any]) -> None:
    if scheduler["enable_chunked_prefill"]:
        raise RunError(
            f"the vLLM server at {server.url} runs on a CPU, where it ends when it reads a prompt in parts: start it "
            f"with {' '.join(NEEDED_ON_CPU)}."
        )
    if not described.is_file() or json.loads(described.read_text("utf-8")).get("tie_word_embeddings", True):
        raise RunError(
            f"the vLLM server at {server.url} runs on a CPU with a head tied to the embeddings, of which it would keep "
            "the first: let prefloop start it (--sampler vllm), or serve a model whose config.json has "
            '"tie_word_embeddings": false.'
        )


def _must_agree(decoding: Decoding) -> None:
    """Refuse what vLLM reports log-probabilities of that the trainer does not compute."""
    if decoding.top_k or decoding.top_p < 1 or decoding.min_p > 0:
        raise RecipeError(
            "top_k, top_p and min_p are not for the vLLM sampler: its log-probabilities are those after the cuts, the "
            "trainer's those before. Leave them out, or sample with the local one."
        )
    if 0 < decoding.temperature < LOWEST:
        raise RecipeError(
            f"`temperature` is {decoding.temperature}, and vLLM would sample at {LOWEST}: set it to 0, or at least to "
            f"{LOWEST}."
        )


def _seed(seed: int, prompt: int) -> int:
    """The first seed of a prompt's responses, which vLLM counts up from; far from that of any other prompt."""
    return int(np.random.default_rng([seed, prompt]).integers(2**62))
