"""Writes networks.json and its safetensors: small networks in PyTorch, one training pass each.

    python golden/scripts/make_networks.py

Needs torch, numpy and safetensors. Each network is a few narrow stages of a kind that Lowland's zoo has at
full size. What is stored, and under which names, is described in golden/README.md. The modules below say
what each network computes as directly as PyTorch allows, and share nothing with Lowland.
"""

import copy
import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent.parent


def conv(inputs, outputs, kernel, stride=1):
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / (kernel * kernel * outputs)))
    return layer


def kernels(inputs, width, stride, bottleneck):
    """The convolutions of a residual: inputs, outputs, kernel, stride."""
    if bottleneck:
        return [(inputs, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
    return [(inputs, width, 3, stride), (width, width, 3, 1)]


class PostBlock(nn.Module):
    """relu(F(x) + shortcut(x)), or relu(F(x)) in a plain network."""

    def __init__(self, inputs, width, stride, config):
        super().__init__()
        windows = kernels(inputs, width, stride, config["block"] == "bottleneck")
        self.depth, outputs = len(windows), windows[-1][1]
        for i, window in enumerate(windows, 1):
            setattr(self, f"conv{i}", conv(*window))
            setattr(self, f"bn{i}", nn.BatchNorm2d(window[1]))
        self.plain = config["kind"] == "Plain"
        if not self.plain and (stride != 1 or inputs != outputs):
            self.short_conv = conv(inputs, outputs, 1, stride)
            self.short_bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = F.relu(y)
        if self.plain:
            return F.relu(y)
        return F.relu(y + (self.short_bn(self.short_conv(x)) if hasattr(self, "short_conv") else x))


class PreBlock(nn.Module):
    """The residual of the pre-activation networks, with what else a block of theirs holds."""

    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        windows = kernels(inputs, width, stride, bottleneck)
        self.depth, self.outputs = len(windows), windows[-1][1]
        for i, window in enumerate(windows, 1):
            setattr(self, f"bn{i}", nn.BatchNorm2d(window[0]))
            setattr(self, f"conv{i}", conv(*window))

    def activated(self, x):
        return F.relu(self.bn1(x))

    def residual(self, activated):
        y = self.conv1(activated)
        for i in range(2, self.depth + 1):
            y = getattr(self, f"conv{i}")(F.relu(getattr(self, f"bn{i}")(y)))
        return y


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.kind, self.imagenet = config["kind"], config["stem"] == "imagenet"
        self.post = self.kind in ("ResNet", "Plain")
        self.fixed, bottleneck = config.get("coefficients"), config["block"] == "bottleneck"
        widths = config["widths"]
        self.stem = conv(config["input"][1], widths[0], *((7, 2) if self.imagenet else (3, 1)))
        if self.post or self.imagenet:
            self.stem_bn = nn.BatchNorm2d(widths[0])
        blocks, channels = [], widths[0]
        history = [channels]
        for stage, (width, n) in enumerate(zip(widths, config["blocks"])):
            for i in range(n):
                stride = 2 if stage > 0 and i == 0 else 1
                if self.post:
                    blocks.append(PostBlock(channels, width, stride, config))
                else:
                    blocks.append(self.pre_block(len(blocks), history, width, stride, bottleneck))
                channels = width * (4 if bottleneck else 1)
        self.blocks = nn.ModuleList(blocks)
        if not self.post and not (self.kind == "ZeroSNet" and self.imagenet):
            self.final_bn = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, config["classes"])

    def pre_block(self, index, history, width, stride, bottleneck):
        """A block with its projections and its trainable number; moves the channels of the history on."""
        block = PreBlock(history[0], width, stride, bottleneck)
        if self.kind == "ZeroSNet" and index >= 2:
            for name, channels in zip(("short_conv", "short_conv_1", "short_conv_2"), history):
                if stride != 1 or channels != block.outputs:
                    setattr(block, name, conv(channels, block.outputs, 1, stride))
            if self.fixed is None:
                block.c = nn.Parameter(torch.empty(1).uniform_(0.8, 1.2))
            history[:] = [block.outputs] * 3
            return block
        cifar_zerosnet = self.kind == "ZeroSNet" and not self.imagenet
        if stride != 1 or history[0] != block.outputs:
            block.short_conv = conv(history[0], block.outputs, 1, stride)
            if self.kind == "LM-ResNet" or cifar_zerosnet:
                block.short_bn = nn.BatchNorm2d(history[0])
        elif self.kind == "LM-ResNet" and index > 0:
            block.k = nn.Parameter(torch.empty(1).uniform_(-0.1, 0))
        came = history[0] if cifar_zerosnet else block.outputs
        history[:] = [block.outputs, came] + history[1:2]
        return block

    def forward(self, x):
        x = self.stem(x)
        if hasattr(self, "stem_bn"):
            x = F.relu(self.stem_bn(x))
        if self.imagenet:
            x = F.max_pool2d(x, 3, 2, 1)
        if self.post:
            for block in self.blocks:
                x = block(x)
        else:
            x = {"PreAct": self.one_step, "LM-ResNet": self.two_steps, "ZeroSNet": self.three_steps}[self.kind](x)
        if hasattr(self, "final_bn"):
            x = F.relu(self.final_bn(x))
        return self.fc(x.mean((2, 3)))

    def one_step(self, h):
        for block in self.blocks:
            a = block.activated(h)
            short = block.short_conv(a) if hasattr(block, "short_conv") else h
            h = short + block.residual(a)
        return h

    def two_steps(self, h):
        last = None
        for block in self.blocks:
            f = block.residual(block.activated(h))
            if hasattr(block, "short_conv"):
                h = block.short_conv(F.relu(block.short_bn(h)))
            if hasattr(block, "k"):
                h, last = (1 - block.k) * h + block.k * last + f, h
            else:
                h, last = h + f, h
        return h

    def three_steps(self, h):
        last = before = None
        for index, block in enumerate(self.blocks):
            a = block.activated(h)
            f = block.residual(a)
            came = h
            if index < 2:
                if hasattr(block, "short_bn"):
                    h = block.short_conv(F.relu(block.short_bn(h)))
                elif hasattr(block, "short_conv"):
                    came = h = block.short_conv(a)
                h, last, before = h + f, came, last
                continue
            if hasattr(block, "short_conv"):
                h = block.short_conv(a if self.imagenet else h)
            if hasattr(block, "short_conv_1"):
                last = block.short_conv_1(last)
            if hasattr(block, "short_conv_2"):
                before = block.short_conv_2(before)
            if self.fixed is None:
                c = block.c
                a0, a1, a2 = (3 * c + 3) / (4 * c), -1 / c, (c + 1) / (4 * c)
                b0 = (3 * c - 1) / (2 * c)
            else:
                a0, a1, a2, b0 = self.fixed
            h, last, before = a0 * h + a1 * last + a2 * before + b0 * f, h, last
        return h


def perturb(model):
    """Numbers that tell scale from shift, and one statistic from the other."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


def passes(model, images, labels):
    """A training pass with its gradients, and the evaluation by the statistics that it left."""
    model.train()
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    after = {n: b.clone() for n, b in model.named_buffers() if "running" in n}
    model.eval()
    with torch.no_grad():
        eval_logits = model(images)
    grads = {n: p.grad for n, p in model.named_parameters()}
    return {"logits": logits.detach(), "eval": eval_logits, "loss": loss.item(), "after": after, "grads": grads}


def relative(a, b):
    return ((a.double() - b).abs().max() / b.abs().max()).item()


def sums(grad):
    flat = grad.double().flatten()
    wave = torch.cos(0.1 * torch.arange(len(flat), dtype=torch.float64) + 0.3)
    return torch.stack([flat.sum(), flat.norm(), (flat * wave).sum()])


def write(name, seed, config):
    torch.manual_seed(seed)
    model = Net(config)
    perturb(model)
    images = torch.randn(config["input"])
    labels = torch.randint(0, config["classes"], (config["input"][0],))
    exact = copy.deepcopy(model).double()
    start = {n: t.clone() for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}
    ours, truth = passes(model, images, labels), passes(exact, images.double(), labels)

    tensors = {f"weight.{n}": t for n, t in start.items()}
    tensors |= {"input": images, "labels": labels, "train_logits": ours["logits"], "eval_logits": ours["eval"]}
    tensors |= {"loss": torch.tensor([ours["loss"]]), "loss_f64": torch.tensor([truth["loss"]], dtype=torch.float64)}
    tensors |= {f"after.{n}": t for n, t in ours["after"].items()}
    tensors |= {f"grad.{n}": g for n, g in ours["grads"].items()}
    tensors |= {f"gradsum.{n}": sums(g) for n, g in ours["grads"].items()}
    arrays = {n: np.ascontiguousarray(t.detach().numpy()) for n, t in sorted(tensors.items())}
    save_file(arrays, FOLDER / f"{name}.safetensors")

    off = {n: relative(g, truth["grads"][n]) for n, g in ours["grads"].items()}
    worst = max(off, key=off.get)
    deviation = {
        "train_logits_rel_to_max": relative(ours["logits"], truth["logits"]),
        "eval_logits_rel_to_max": relative(ours["eval"], truth["eval"]),
        "loss_abs": abs(ours["loss"] - truth["loss"]),
        "grad_worst_tensor_rel_to_its_max": off[worst],
        "grad_worst_tensor": worst,
        "running_stats_rel_to_max": max(relative(t, truth["after"][n]) for n, t in ours["after"].items()),
    }
    tolerance = {
        "logits_rel_to_max": 1e-5,
        "gradient_rel_to_tensor_max": 1e-4,
        "running_stats_rel_to_max": 5e-6,
        "loss_abs": 1e-6,
    }
    assert 4 * deviation["train_logits_rel_to_max"] < tolerance["logits_rel_to_max"], (name, deviation)
    assert 4 * off[worst] < tolerance["gradient_rel_to_tensor_max"], (name, deviation)
    return {
        "loss": ours["loss"],
        "loss_f64": truth["loss"],
        "parameters": sum(p.numel() for p in model.parameters()),
        "parameters_without_gradient": [],
        "dev": deviation,
        "config": config,
        "tolerance": tolerance,
        "layout": {"input": "NCHW", "conv_weight": "OIHW", "linear_weight": "OI"},
    }


def network(kind, block, widths, blocks, image, stem="cifar", **more):
    shape = [2, 3, *image]
    return {"kind": kind, "stem": stem, "block": block, "widths": widths, "blocks": blocks, "classes": 5,
            "input": shape, **more}


THREE, FOUR = [4, 6, 8], [4, 6, 8, 10]
NETWORKS = {
    "resnet50_w4": network("ResNet", "bottleneck", FOUR, [1, 2, 1, 1], [16, 16], shortcut="B"),
    "resnet50_imagenet_w4": network("ResNet", "bottleneck", FOUR, [1, 1, 1, 1], [40, 36], "imagenet", shortcut="B"),
    "plain20_w4": network("Plain", "basic", THREE, [2, 3, 2], [16, 16]),
    "preact164_w4": network("PreAct", "bottleneck", THREE, [2, 2, 2], [16, 16]),
    "lm_resnet20_w4": network("LM-ResNet", "basic", THREE, [3, 2, 3], [16, 16]),
    "lm_resnet164_w4": network("LM-ResNet", "bottleneck", THREE, [3, 2, 2], [16, 16]),
    "zerosnet164_tra_w4": network("ZeroSNet", "bottleneck", THREE, [4, 2, 2], [16, 16]),
    "zerosnet18_imagenet_w4": network("ZeroSNet", "basic", FOUR, [2, 2, 2, 2], [40, 36], "imagenet",
                                      coefficients=[1 / 3, 5 / 9, 1 / 9, 16 / 9]),
}


def main():
    torch.set_num_threads(1)
    nets = {name: write(name, seed, config) for seed, (name, config) in enumerate(NETWORKS.items(), 20)}
    out = {"source": f"golden/scripts/make_networks.py (torch {torch.__version__})", "nets": nets}
    (FOLDER / "networks.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
