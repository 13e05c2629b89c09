"""Layers and the functions they are made of."""
import torch
import torch.nn.functional as F

from recorder import differentiate, first, last, module_case, put, seeded


def dense_cases():
    activations = {
        "none": lambda x: x, "relu": F.relu, "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    for kind, (name, act) in enumerate(activations.items()):
        seeded(case := f"linear.{name}")
        put(case, activation=kind)
        differentiate(case, lambda x, weight, bias: act(F.linear(x, weight, bias)),
                      dict(x=torch.randn(2, 5, 7), weight=torch.randn(4, 7), bias=torch.randn(4)))
    seeded(case := "embedding")
    labels = torch.tensor([[3, 0, 3], [6, 1, 3]])
    put(case, labels=labels.to(torch.int32))
    differentiate(case, lambda weight: F.embedding(labels, weight), dict(weight=torch.randn(7, 5)))


def conv_cases():
    def conv(stride, padding):
        return lambda x, weight, bias: last(F.conv2d(first(x), first(weight), bias, stride, padding))

    def transposed(stride, padding, extra):
        return lambda x, weight, bias: last(F.conv_transpose2d(first(x), first(weight), bias, stride, padding, extra))

    shapes = {  # n, h, w, in, out, kernel, stride, padding
        "k3s1p1": (2, 6, 5, 3, 4, 3, 1, 1), "k4s2p1": (2, 8, 6, 2, 3, 4, 2, 1), "k3s2p1": (2, 7, 7, 3, 2, 3, 2, 1),
        "k1s1p0": (2, 3, 4, 5, 3, 1, 1, 0), "k5s3p2": (1, 9, 8, 2, 2, 5, 3, 2), "k2s2p0": (1, 7, 6, 3, 2, 2, 2, 0),
        "one_in": (2, 6, 6, 1, 9, 4, 2, 1), "one_out": (2, 5, 5, 9, 1, 3, 1, 1), "wide": (1, 4, 4, 17, 19, 3, 1, 1),
    }
    for name, (n, h, w, i, o, k, stride, padding) in shapes.items():
        seeded(case := f"conv2d.{name}")
        put(case, stride=stride, padding=padding)
        differentiate(case, conv(stride, padding),
                      dict(x=torch.randn(n, h, w, i), weight=torch.randn(o, k, k, i), bias=torch.randn(o)))
    shapes = {  # n, h, w, in, out, kernel, stride, padding, output_padding
        "k4s2p1": (2, 3, 4, 3, 2, 4, 2, 1, 0), "k3s2p1": (2, 4, 3, 2, 3, 3, 2, 1, 1),
        "k3s1p0": (1, 3, 3, 2, 4, 3, 1, 0, 0), "k2s3p0": (1, 2, 3, 3, 2, 2, 3, 0, 2),
        "k5s2p2": (1, 4, 4, 2, 2, 5, 2, 2, 1), "one_out": (2, 4, 4, 8, 1, 4, 2, 1, 0),
    }
    for name, (n, h, w, i, o, k, stride, padding, extra) in shapes.items():
        seeded(case := f"conv_transpose2d.{name}")
        put(case, stride=stride, padding=padding, output_padding=extra)
        differentiate(case, transposed(stride, padding, extra),
                      dict(x=torch.randn(n, h, w, i), weight=torch.randn(i, k, k, o), bias=torch.randn(o)))


def pool_cases():
    for kernel, stride in ((2, 2), (3, 2), (2, 1), (3, 3)):
        for name, pool in (("max_pool2d", F.max_pool2d), ("avg_pool2d", F.avg_pool2d)):
            seeded(case := f"{name}.k{kernel}s{stride}")
            put(case, kernel_size=kernel, stride=stride)
            differentiate(case, lambda x: last(pool(first(x), kernel, stride)), dict(x=torch.randn(2, 6, 7, 3)))
    for factor in (2, 3):
        seeded(case := f"upsample_nearest2d.x{factor}")
        put(case, factor=factor)
        differentiate(case, lambda x: last(F.interpolate(first(x), scale_factor=factor, mode="nearest")),
                      dict(x=torch.randn(2, 3, 2, 3)))


def softmax_cases():
    for name, scale in (("plain", 1), ("large", 300)):
        for f in (F.softmax, F.log_softmax):
            seeded(case := f"{f.__name__}.{name}")
            differentiate(case, lambda x: f(x, -1), dict(x=scale * torch.randn(3, 4, 7)))
    seeded(case := "cross_entropy")
    labels = torch.tensor([0, 9, 3, 3, 5, 1])
    put(case, labels=labels.to(torch.int32))
    differentiate(case, lambda x: F.cross_entropy(x, labels), dict(x=torch.randn(6, 10)))


def norm_cases():
    def affine(c):
        return dict(weight=1 + 0.3 * torch.randn(c), bias=torch.randn(c))

    for name, shape in (("image", (4, 3, 2, 5)), ("vector", (6, 5))):
        seeded(case := f"batch_norm.{name}")
        x, parameters = 2 + 3 * torch.randn(shape), affine(5)
        mean, var = torch.zeros(5), torch.ones(5)
        differentiate(case, lambda x, weight, bias: last(F.batch_norm(
            first(x), mean.clone(), var.clone(), weight, bias, True, 0.1, 1e-5)), dict(x=x, **parameters))
        for batch in (x, 2 * x - 1):
            F.batch_norm(first(batch), mean, var, None, None, True, 0.1, 1e-5)
        put(case, running_mean=mean, running_var=var)
        seeded(case + ".eval")
        differentiate(case + ".eval", lambda x, weight, bias: last(F.batch_norm(
            first(x), mean, var, weight, bias, False, 0.1, 1e-5)), dict(x=x, **parameters))
    seeded(case := "conditional_batch_norm")
    labels = torch.tensor([2, 0, 2, 1])
    put(case, labels=labels.to(torch.int32))

    def conditional(x, weight, bias):
        normalised = last(F.batch_norm(first(x), None, None, None, None, True))
        return F.relu(normalised * weight[labels][:, None, None] + bias[labels][:, None, None])

    differentiate(case, conditional, dict(x=1 + 2 * torch.randn(4, 3, 3, 5), weight=1 + 0.3 * torch.randn(3, 5),
                                          bias=torch.randn(3, 5)))
    seeded(case := "layer_norm")
    differentiate(case, lambda x, weight, bias: F.layer_norm(x, (6,), weight, bias),
                  dict(x=torch.randn(3, 4, 6), **affine(6)))


def attention(q, k, v, heads, seen=None, scale=None):
    """PyTorch's attention per head; a query that sees no key gives zeros instead of its NaN."""
    split = lambda t: t.unflatten(-1, (heads, -1)).transpose(1, 2)
    blind = None
    if seen is not None:
        seen = seen.expand(q.shape[0], q.shape[1], k.shape[1])[:, None]
        blind = ~seen.any(-1, keepdim=True)
        seen = seen | blind
    o = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=seen, scale=scale)
    if blind is not None:
        o = torch.where(blind, 0.0, o)
    return o.transpose(1, 2).flatten(2)


def attention_cases():
    n, lq, lk, heads, dk, dv = 2, 4, 6, 2, 3, 5
    triangle = lambda lq, lk: torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq)
    matrix = torch.tensor([[1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]]).bool()
    seeded("mask")
    batch = torch.rand(n, lq, lk) < 0.6
    keys = torch.rand(n, 1, lk) < 0.7
    for name, causal, mask, scale in (("plain", 0, None, None), ("unscaled", 0, None, 1.0), ("causal", 1, None, None),
                                      ("matrix_mask", 0, matrix, None), ("batch_mask", 0, batch, None),
                                      ("key_mask", 0, keys, None), ("causal_mask", 1, batch, None)):
        seeded(case := f"attention.{name}")
        put(case, heads=heads, causal=causal, unscaled=scale is not None)
        if mask is not None:
            put(case, mask=mask)
        seen = mask
        if causal:
            seen = triangle(lq, lk) if mask is None else mask & triangle(lq, lk)
        differentiate(case, lambda q, k, v: attention(q, k, v, heads, seen, scale),
                      dict(q=torch.randn(n, lq, heads * dk), k=torch.randn(n, lk, heads * dk),
                           v=torch.randn(n, lk, heads * dv)))
    for name, heads, kdim, vdim, causal, masked in (("self", 2, 6, 6, 0, 0), ("self_causal", 3, 6, 6, 1, 0),
                                                    ("cross", 2, 4, 5, 0, 0), ("cross_mask", 2, 4, 5, 0, 1)):
        multi_head_case(f"multi_head_attention.{name}", heads, kdim, vdim, triangle(lq, lq) if causal else None,
                        matrix[[0, 2, 2, 3]] if masked else None)
        put(f"multi_head_attention.{name}", heads=heads, causal=causal)


def multi_head_case(case, heads, kdim, vdim, causal, mask):
    """torch.nn.MultiheadAttention with the names that agon gives the parameters."""
    seeded(case)
    features, lq, lk = 6, 4, 6
    module = torch.nn.MultiheadAttention(features, heads, kdim=kdim, vdim=vdim, batch_first=True)
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.5)
    cross = kdim != features
    names = ("query", "key", "value", "output")
    blocked = causal if causal is not None else mask
    x = torch.randn(2, lq, features, requires_grad=True)
    inputs = dict(x=x)
    if cross:
        inputs.update({k: torch.randn(2, lk, size, requires_grad=True) for k, size in (("key", kdim), ("value", vdim))})
    y, _ = module(x, inputs.get("key", x), inputs.get("value", x), attn_mask=None if blocked is None else ~blocked,
                  need_weights=False)
    g = torch.randn_like(y)
    y.backward(g)
    put(case, y=y, g=g, **inputs)
    put(f"{case}.grad", **{k: t.grad for k, t in inputs.items()})
    if mask is not None:
        put(case, mask=mask)

    def stacked(value):  # of a parameter, its value or its gradient
        apart = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        weights = [value(w) for w in apart] if cross else list(value(module.in_proj_weight).chunk(3))
        weights.append(value(module.out_proj.weight))
        biases = [*value(module.in_proj_bias).chunk(3), value(module.out_proj.bias)]
        return {f"{n}.weight": w for n, w in zip(names, weights)} | {f"{n}.bias": b for n, b in zip(names, biases)}

    put(f"{case}.parameters", **stacked(lambda p: p))
    put(f"{case}.gradients", **stacked(lambda p: p.grad))


def paper_block(x, p):
    """SAGAN as in its text: 1x1 convolutions f, g, h; p = softmax(f^T g); gamma o + x."""
    n, c, h, w = x.shape
    conv = lambda name: F.conv2d(x, p[f"{name}.weight"][:, :, None, None], p[f"{name}.bias"]).flatten(2)
    attended = torch.softmax(torch.bmm(conv("query").transpose(1, 2), conv("key")), dim=-1)
    return p["gamma"] * torch.bmm(conv("value"), attended.transpose(1, 2)).view(n, c, h, w) + x


def released_block(x, p):
    """SAGAN's released code: keys and values max-pooled, a projection back, no biases."""
    n, c, h, w = x.shape
    conv = lambda name, t: F.conv2d(t, p[f"{name}.weight"][:, :, None, None])
    theta = conv("query", x).flatten(2)
    phi = F.max_pool2d(conv("key", x), 2).flatten(2)
    values = F.max_pool2d(conv("value", x), 2).flatten(2)
    attended = torch.softmax(torch.bmm(theta.transpose(1, 2), phi), dim=-1)
    o = torch.bmm(values, attended.transpose(1, 2)).view(n, values.shape[1], h, w)
    return x + p["gamma"] * conv("output", o)


def self_attention_cases():
    c, ck = 8, 2
    paper = {"query.weight": (ck, c), "key.weight": (ck, c), "value.weight": (c, c), "query.bias": (ck,),
             "key.bias": (ck,), "value.bias": (c,), "gamma": (1,)}
    released = {"query.weight": (ck, c), "key.weight": (ck, c), "value.weight": (c // 2, c),
                "output.weight": (c, c // 2), "gamma": (1,)}
    for name, shapes, block in (("paper", paper, paper_block), ("released", released, released_block)):
        seeded(case := f"self_attention.{name}")
        parameters = {k: (0.5 * torch.randn(shape)).requires_grad_() for k, shape in shapes.items()}
        x = torch.randn(2, 4, 6, c, requires_grad=True)
        module_case(case, x, parameters, last(block(first(x), parameters)))


def position_cases():
    def code(length, features):
        angle = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, features, 2) / features)
        return torch.stack([torch.sin(angle), torch.cos(angle)], -1).flatten(1)

    put("positional_encoding.sequence", y=code(9, 6))
    rows, columns = code(3, 4)[:, None].expand(3, 5, 4), code(5, 4)[None].expand(3, 5, 4)
    put("positional_encoding.image", y=torch.cat([rows, columns], -1))


def spectral_norm_case():
    """Three training forwards, each with one power iteration, then an evaluation, of a normed convolution."""
    seeded(case := "spectral_norm")
    layer = torch.nn.Conv2d(3, 4, 3, padding=1)
    torch.nn.utils.spectral_norm(layer, n_power_iterations=1, eps=1e-12)
    flat = lambda v: last(v.view(1, 3, 3, 3)).reshape(-1, 1)  # [in kh kw] -> [kh kw in]
    x = torch.randn(2, 5, 5, 3)
    weight, bias = layer.weight_orig, layer.bias
    put(f"{case}.parameters", weight=last(weight), bias=bias, weight_u=layer.weight_u[:, None],
        weight_v=flat(layer.weight_v))
    put(case, x=x)
    for step in range(4):
        layer.train(step < 3)
        y = last(layer(first(x)))
        g = torch.randn_like(y)
        weight_grad, bias_grad = torch.autograd.grad(y, [weight, bias], g)
        put(f"{case}.step{step}", y=y, g=g, weight_u=layer.weight_u[:, None], weight_v=flat(layer.weight_v))
        put(f"{case}.step{step}.gradients", weight=last(weight_grad), bias=bias_grad)


def make():
    for case in (dense_cases, conv_cases, pool_cases, softmax_cases, norm_cases, attention_cases, self_attention_cases,
                 position_cases, spectral_norm_case):
        case()
