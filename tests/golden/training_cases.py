"""Optimisers, schedules, losses, penalties and generators."""
import torch
import torch.nn.functional as F

from layer_cases import paper_block, released_block
from recorder import first, last, module_case, put, seeded


def optimizer_cases():
    steps = 5
    algorithms = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, weight_decay=0.02, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.0, 0.9), eps=1e-8),
        "adam_decay": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.5, 0.99), eps=1e-6, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-6),
    }
    seeded("optimizer")
    start = dict(p=torch.randn(3, 4), q=torch.randn(5))
    gradients = dict(p=torch.randn(steps, 3, 4), q=torch.randn(steps, 5))
    put("optimizer.start", **start)
    put("optimizer.gradients", **gradients)
    for name, make in algorithms.items():
        parameters = {k: v.clone().requires_grad_() for k, v in start.items()}
        optimizer = make(list(parameters.values()))
        path = {k: [] for k in parameters}
        for step in range(steps):
            for k, p in parameters.items():
                p.grad = gradients[k][step].clone()
            optimizer.step()
            for k, p in parameters.items():
                path[k].append(p.detach().clone())
        put(f"optimizer.{name}", **{k: torch.stack(v) for k, v in path.items()})
    put("clip", p=gradients["p"][0], q=gradients["q"][0])
    leaves = [gradients[k][0].clone().requires_grad_() for k in ("p", "q")]
    for leaf, k in zip(leaves, ("p", "q")):
        leaf.grad = gradients[k][0].clone()
    norm = torch.nn.utils.clip_grad_norm_(leaves, 1.5)
    put("clip", norm=norm, max_norm=1.5, clipped_p=leaves[0].grad, clipped_q=leaves[1].grad)


def schedule_cases():
    def factors(make, count):
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        scheduler, lrs = make(optimizer), []
        for _ in range(count):
            lrs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return lrs

    S = torch.optim.lr_scheduler
    put("schedule", warmup=factors(lambda o: S.LinearLR(o, 1 / 4, 1.0, 3), 6),
        linear=factors(lambda o: S.LinearLR(o, 1.0, 0.1, 10), 13),
        cosine=factors(lambda o: S.CosineAnnealingLR(o, 10, 0.1), 11))


def loss_cases():
    seeded("loss")
    real, fake = torch.randn(7, requires_grad=True), torch.randn(7, requires_grad=True)
    put("loss", real=real, fake=fake)
    one, zero = torch.ones(7), torch.zeros(7)
    bce = F.binary_cross_entropy_with_logits
    losses = {  # discriminator, generator
        "minimax": (lambda r, f: bce(r, one) + bce(f, zero), lambda r, f: -bce(f, zero)),
        "non_saturating": (lambda r, f: bce(r, one) + bce(f, zero), lambda r, f: bce(f, one)),
        "hinge": (lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda r, f: -f.mean()),
        "least_squares": (lambda r, f: (F.mse_loss(r, one) + F.mse_loss(f, zero)) / 2,
                          lambda r, f: F.mse_loss(f, one) / 2),
        "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
        "relativistic": (lambda r, f: bce(r - f, one), lambda r, f: bce(f - r, one)),
    }
    for name, pair in losses.items():
        for player, loss in zip(("discriminator", "generator"), pair):
            value = loss(real, fake)
            by_real, by_fake = torch.autograd.grad(value, [real, fake], allow_unused=True)
            put(f"loss.{name}.{player}", value=value, real=by_real if by_real is not None else zero, fake=by_fake)


def discriminator(images, labels, p, vectors):
    """A small projection discriminator with spectral norm, leaky_relu and the released attention block."""
    normed = {}
    for name, w in p.items():
        if name.endswith("weight"):
            u, v = vectors[name + "_u"], vectors[name + "_v"]
            w = w / (u.T @ w.reshape(u.shape[0], -1) @ v)
        normed[name] = w
    block = {k.removeprefix("attention."): w for k, w in normed.items() if k.startswith("attention.")}
    h = F.leaky_relu(F.conv2d(first(images), first(normed["conv0.weight"]), normed["conv0.bias"], 2, 1), 0.2)
    h = released_block(h, block)
    h = F.leaky_relu(F.conv2d(h, first(normed["conv1.weight"]), normed["conv1.bias"], 2, 1), 0.2).sum((2, 3))
    projection = (normed["labels.weight"][labels] * h).sum(1)
    return F.linear(h, normed["output.weight"], normed["output.bias"])[:, 0] + projection


def penalty_cases():
    seeded(case := "penalty")
    shapes = {
        "conv0.weight": (4, 4, 4, 1), "conv0.bias": (4,), "attention.query.weight": (2, 4),
        "attention.key.weight": (2, 4), "attention.value.weight": (2, 4), "attention.output.weight": (4, 2),
        "attention.gamma": (1,),
        "conv1.weight": (6, 4, 4, 4), "conv1.bias": (6,), "output.weight": (1, 6), "output.bias": (1,),
        "labels.weight": (3, 6),
    }
    p = {k: (0.5 * torch.randn(s)).requires_grad_() for k, s in shapes.items()}
    vectors = {}
    for name, w in p.items():
        if name.endswith("weight"):
            matrix = w.detach().reshape(w.shape[0], -1)
            v = F.normalize(matrix.T @ torch.randn(matrix.shape[0], 1), dim=0)
            vectors[name + "_u"], vectors[name + "_v"] = F.normalize(matrix @ v, dim=0), v
    images, labels = torch.tanh(torch.randn(3, 8, 8, 1)), torch.tensor([2, 0, 1])
    x = images.clone().requires_grad_()
    logits = discriminator(x, labels, p, vectors)
    (slopes,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    squares = slopes.square().sum((1, 2, 3))
    put(case, images=images, labels=labels.to(torch.int32), logits=logits, slopes=slopes)
    put(f"{case}.state", **p, **vectors)
    penalties = {"zero_centred": 10 / 2 * squares.mean(), "gradient_penalty": 10 * (squares.sqrt() - 1).square().mean()}
    for name, value in penalties.items():
        gradients = torch.autograd.grad(value, list(p.values()), retain_graph=True, allow_unused=True)
        put(f"{case}.{name}", value=value)
        gradients = [torch.zeros_like(w) if d is None else d for w, d in zip(p.values(), gradients)]
        put(f"{case}.{name}.gradients", **dict(zip(p, gradients)))


def batch_norm(x, weight, bias):
    """With the statistics of the batch, as in training; weight and bias are [c], or [n, c] with a row an image."""
    normalised = F.batch_norm(x, None, None, None, None, True)
    spread = lambda t: t[:, :, None, None] if t.dim() == 2 else t[:, None, None]
    return F.relu(normalised * spread(weight) + spread(bias))


def preset_generator(z, labels, p):
    """The generator of the presets: conditional norms, nearest upsampling, the released block."""
    conv = lambda name, t: F.conv2d(t, first(p[f"{name}.weight"]), p[f"{name}.bias"], padding=1)
    block = {k.removeprefix("attention."): w for k, w in p.items() if k.startswith("attention.")}
    h = first(F.linear(z, p["start.weight"], p["start.bias"]).view(z.shape[0], 2, 2, -1))
    h = F.interpolate(batch_norm(h, p["norm0.weight"][labels], p["norm0.bias"][labels]), scale_factor=2)
    h = released_block(conv("up0", h), block)
    return last(torch.tanh(conv("head", batch_norm(h, p["norm1.weight"], p["norm1.bias"]))))


def reference_generator(z, labels, p):
    """The generator of the reference network: a label embedding joins z, transposed convolutions, the paper's block."""
    transposed = lambda name, t: F.conv_transpose2d(t, first(p[f"{name}.weight"]), p[f"{name}.bias"], 2, 1)
    block = {k.removeprefix("attention."): w for k, w in p.items() if k.startswith("attention.")}
    code = torch.cat([z, F.embedding(labels, p["labels.weight"])], 1)
    h = first(F.linear(code, p["start.weight"], p["start.bias"]).view(z.shape[0], 2, 2, -1))
    h = paper_block(transposed("up0", batch_norm(h, p["norm0.weight"], p["norm0.bias"])), block)
    return last(torch.tanh(transposed("head", batch_norm(h, p["norm1.weight"], p["norm1.bias"]))))


def generator_cases():
    shared = {"norm1.weight": (4,), "norm1.bias": (4,), "attention.query.weight": (2, 4),
              "attention.key.weight": (2, 4), "attention.gamma": (1,), "up0.bias": (4,), "head.bias": (1,),
              "start.bias": (24,)}
    preset = shared | {
        "start.weight": (24, 5), "norm0.weight": (3, 6), "norm0.bias": (3, 6), "up0.weight": (4, 3, 3, 6),
        "attention.value.weight": (2, 4), "attention.output.weight": (4, 2), "head.weight": (1, 3, 3, 4),
    }
    reference = shared | {
        "labels.weight": (3, 2), "start.weight": (24, 7), "norm0.weight": (6,), "norm0.bias": (6,),
        "up0.weight": (6, 4, 4, 4), "attention.value.weight": (4, 4), "attention.query.bias": (2,),
        "attention.key.bias": (2,), "attention.value.bias": (4,), "head.weight": (4, 4, 4, 1),
    }
    for name, shapes, network in (("preset", preset, preset_generator), ("reference", reference, reference_generator)):
        seeded(case := f"generator.{name}")
        parameters = {k: (0.5 * torch.randn(shape)).requires_grad_() for k, shape in shapes.items()}
        z, labels = torch.randn(4, 5, requires_grad=True), torch.tensor([2, 0, 1, 2])
        put(case, labels=labels.to(torch.int32))
        module_case(case, z, parameters, network(z, labels, parameters))


def make():
    for case in (optimizer_cases, schedule_cases, loss_cases, penalty_cases, generator_cases):
        case()
