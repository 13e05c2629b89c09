"""PyTorch's side of race.py: the commands of agon_worker.cpp, answered one line each. usage: torch_worker.py VARIANT,
one of eager, channels_last, compile, and for attention alone fused or materialised."""

import resource
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import torch_gan


class Gan:
    def __init__(self, preset, batch, r1, r2, variant):
        torch.manual_seed(1)
        self.g, self.d = torch_gan.Generator(preset), torch_gan.Discriminator(preset)
        self.preset, self.variant, self.r1, self.r2 = preset, variant, r1, r2
        for network in (self.g, self.d):
            network.attention.fused &= r1 == 0 and r2 == 0
        if variant == "channels_last":
            self.g, self.d = (n.to(memory_format=torch.channels_last) for n in (self.g, self.d))
        self.images = torch.rand(batch, 1, 28, 28) * 2 - 1
        self.labels = torch.randint(0, 10, (batch,))
        self.call_g, self.call_d = self.g, self.d
        if variant == "compile":
            self.call_g, self.call_d = torch.compile(self.g), torch.compile(self.d)
        self.adam_g = torch.optim.Adam(self.g.parameters(), lr=1e-4, betas=(0.0, 0.9))
        self.adam_d = torch.optim.Adam(self.d.parameters(), lr=4e-4, betas=(0.0, 0.9))

    def load(self, path):
        """agon's weights and input; the largest difference of what the networks make of it."""
        tensors = torch_gan.read_safetensors(path)
        torch_gan.load_networks(self.g, self.d, tensors)
        self.images, self.labels = torch_gan.images_in(tensors["images"]), tensors["labels"].long()
        with torch.no_grad():
            made = self.g.train()(tensors["z"], self.labels)
            logits = self.d.eval()(self.images, self.labels)
            self.d.train()
        gap = lambda a, b: float((a - b).abs().max() / (1 + b.abs().max()))
        return max(gap(made, torch_gan.images_in(tensors["made"])), gap(logits, tensors["logits"]))

    def noise(self):
        n = len(self.images)
        return torch.randn(n, self.preset.latent), torch.randint(0, 10, (n,))

    def slopes(self, images, labels):
        x = images.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(self.call_d(x, labels).sum(), x, create_graph=True)
        return slopes.square().flatten(1).sum(1).mean()

    def step(self):
        n = len(self.images)
        z, labels = self.noise()
        with torch.no_grad():
            fake = self.call_g(z, labels)
        self.adam_d.zero_grad(set_to_none=True)
        logits = self.call_d(torch.cat([self.images, fake]), torch.cat([self.labels, labels]))
        loss = F.relu(1 - logits[:n]).mean() + F.relu(1 + logits[n:]).mean()
        if self.r1 > 0:
            loss = loss + self.r1 / 2 * self.slopes(self.images, self.labels)
        if self.r2 > 0:
            loss = loss + self.r2 / 2 * self.slopes(fake, labels)
        loss.backward()
        self.adam_d.step()

        z, labels = self.noise()
        self.adam_g.zero_grad(set_to_none=True)
        self.d.requires_grad_(False)
        (-self.call_d(self.call_g(z, labels), labels).mean()).backward()
        self.d.requires_grad_(True)
        self.adam_g.step()

    def sample(self):
        self.g.eval()
        with torch.inference_mode():
            for _ in range(100):
                made = self.g(torch.randn(100, self.preset.latent), torch.randint(0, 10, (100,)))
        self.g.train()
        return made


class Attention:
    def __init__(self, n, length, dk, dv, variant):
        size = lambda d: torch.randn(n, 1, length, d)
        self.q, self.k, self.v = (size(d).requires_grad_() for d in (dk, dk, dv))
        self.upstream, self.fused = size(dv), variant != "materialised" and hasattr(F, "scaled_dot_product_attention")

    def run(self):
        if self.fused:
            o = F.scaled_dot_product_attention(self.q, self.k, self.v)
        else:
            scores = torch.matmul(self.q, self.k.transpose(-1, -2)) * self.q.shape[-1] ** -0.5
            o = torch.matmul(torch.softmax(scores, -1), self.v)
        torch.autograd.grad(o, (self.q, self.k, self.v), self.upstream)


def timed(count, body):
    times = []
    for _ in range(int(count)):
        start = time.perf_counter()
        body()
        times.append((time.perf_counter() - start) * 1e3)
    return " ".join(f"{t:.4f}" for t in times)


def main(variant):
    torch.set_flush_denormal(True)
    gan = attention = None
    for line in sys.stdin:
        command, *arguments = line.split()
        answer = "ok"
        if command == "threads":
            torch.set_num_threads(int(arguments[0]))
        elif command == "gan":
            size, batch, r1, r2 = arguments
            gan = Gan(torch_gan.PRESETS[size], int(batch), float(r1), float(r2), variant)
        elif command == "load":
            answer = f"{gan.load(arguments[0]):.3e}"
        elif command == "step":
            answer = timed(arguments[0], gan.step)
        elif command == "attention":
            attention = Attention(*map(int, arguments), variant)
        elif command == "attend":
            answer = timed(arguments[0], attention.run)
        elif command == "sample":
            answer = timed(arguments[0], gan.sample)
        elif command == "status":
            memory = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
            peak, resident = (memory[name].split()[0] for name in ("VmHWM", "VmRSS"))
            answer = f"{peak} {resource.getrusage(resource.RUSAGE_SELF).ru_minflt} {resident}"
        else:
            answer = "unknown command " + command
        print(answer, flush=True)


main(sys.argv[1] if len(sys.argv) > 1 else "eager")
