"""A small server with vLLM's addresses and shapes, recorded from vLLM 0.32: it samples from the weights it is sent."""

import http.server
import json
import threading
from pathlib import Path

import numpy as np
import torch
import transformers


class Fake:
    """Answers as vLLM does. `spoil` changes an answer before it is sent; `asked` lists what was asked."""

    def __init__(self, *, device="cuda", chunked=False, **described):
        has = {"model": "/nowhere", "logprobs_mode": "processed_logprobs", "dtype": "torch.float32", **described}
        self.described = {
            "model_config": has,
            "device_config": {"device": device},
            "scheduler_config": {"enable_chunked_prefill": chunked},
        }
        self.model, self.tokenizer, self.head, self.version = None, None, None, "default"
        self.asked, self.spoil, self.prefixes_freed = [], lambda path, answer: answer, True
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply({})

            def do_POST(self):
                self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, body):
                fake.asked.append((self.path, body))
                code, answer = fake.answer(self.path.partition("?")[0], body)
                said = json.dumps(fake.spoil(self.path, answer)).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()  # torch at one request at a time
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, body):
        if path == "/server_info":
            return 200, {"vllm_config": self.described}
        if path == "/collective_rpc":
            folder = Path(body["kwargs"]["weights_path"])
            if body["method"] != "reload_weights" or not folder.is_dir():
                said = (
                    "Call to collective_rpc method failed: Worker failed with error 'Repo id must be in the form ...'"
                )
                return 500, {"error": {"message": said, "type": "InternalServerError", "param": None, "code": 500}}
            model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
            if model.config.tie_word_embeddings:  # on a CPU vLLM packs a tied head once, and keeps it
                model.lm_head.weight = self.head = self.head or torch.nn.Parameter(model.lm_head.weight.clone())
            self.model, self.tokenizer = model, transformers.AutoTokenizer.from_pretrained(folder)
            return 200, {"results": [None]}
        if path == "/reset_prefix_cache":
            return 200, {"success": self.prefixes_freed}
        if path == "/update_weight_version":
            self.version = body["new_version"]
            return 200, {"success": True, "new_version": self.version}
        if path == "/inference/v1/generate":
            with self.lock:
                return 200, self.generated(body)
        return 404, {"detail": "Not Found"}

    def generated(self, body):
        asked = body["sampling_params"]
        assert asked["temperature"] > 0 or asked["n"] == 1  # vLLM: n must be 1 when using greedy sampling
        assert asked["detokenize"] or not asked["stop"]  # vLLM: stop strings need detokenize
        return {
            "request_id": "generate-tokens-b3c4a78f10675775",
            "output_mode": "tokens",
            # n answers come in any order
            "choices": [self.choice(i, body["token_ids"], asked) for i in reversed(range(asked["n"]))],
        }

    @torch.no_grad()
    def choice(self, index, prompt, asked):
        source = np.random.default_rng(asked["seed"] + index)
        ids, content, finish, by = [], [], "length", None
        while len(ids) < asked["max_tokens"] and finish == "length":
            logits = self.model(torch.tensor([[*prompt, *ids]])).logits[0, -1].float()
            logp = (logits / (asked["temperature"] or 1.0)).log_softmax(-1)
            noise = torch.from_numpy(source.gumbel(size=len(logp))) if asked["temperature"] > 0 else 0.0
            token = int((logp + noise).argmax())
            ids.append(token)
            said = {"token_id": token, "logprob": float(logp[token]), "rank": 1}
            content.append({**said, "top_logprobs": [said]})
            text = self.tokenizer.decode(ids, skip_special_tokens=True)
            found = next((s for s in asked["stop"] if s in text), None)
            if token in asked["stop_token_ids"]:
                finish, by = "stop", token
            elif found is not None:
                finish, by = "stop", found
        return {
            "index": index,
            "finish_reason": finish,
            "stop_reason": by,
            "token_ids": ids,
            "routed_experts": None,
            "sampling_mask": None,
            "weight_versions": [{"version": self.version, "start": 0, "end": len(ids)}],
            "logprobs": {"content": content},
        }
