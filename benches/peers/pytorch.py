"""PyTorch doing the work that Lowland is timed against, one step at a time.

`cargo xtask bench --against pytorch` starts this program, with the Python of $PYTHON, and takes turns with
it: a line on standard input asks for one step, and the answer is its wall-clock time in milliseconds.
Needs `pip install torch`. By hand:

    yes | head -8 | python benches/peers/pytorch.py resnet20-train --threads 2
"""

import argparse
import math
import os
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", help="NETWORK-train, NETWORK-infer, NETWORK-infer-compiled, or an optimizer: "
                                     "sgd, adam, miadam3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    return parser.parse_args()


ARGS = arguments()
# Threads that wait must not take the processor from the side whose turn it is.
os.environ["OMP_WAIT_POLICY"] = "passive"
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(ARGS.threads)

import torch  # noqa: E402  (after the number of threads is set)
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


class Block(nn.Module):
    """The basic residual block; shortcut A of He et al. 2016 without parameters, or B by convolution."""

    def __init__(self, inputs, outputs, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.padding = None
        self.short = None
        if stride != 1 or inputs != outputs:
            if shortcut == "A":
                before = (outputs - inputs) // 2
                self.padding = (0, 0, 0, 0, before, outputs - inputs - before)
            else:
                conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.short = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.padding:
            x = F.pad(x[:, :, ::2, ::2], self.padding)
        elif self.short:
            x = self.short(x)
        return F.relu(y + x, inplace=True)


class ResNet(nn.Module):
    """ResNets in CIFAR form, as Lowland's zoo has them."""

    def __init__(self, widths, blocks, shortcut):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.stem_bn = nn.BatchNorm2d(widths[0])
        layers, inputs = [], widths[0]
        for stage, width in enumerate(widths):
            for i in range(blocks):
                layers.append(Block(inputs, width, 2 if stage and i == 0 else 1, shortcut))
                inputs = width
        self.blocks = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = F.relu(self.stem_bn(self.stem(x)), inplace=True)
        return self.fc(self.blocks(x).mean((2, 3)))


class PreBlock(nn.Module):
    """The residual of a pre-activation block, and the convolutions that fit the states before it."""

    def __init__(self, inputs, outputs, stride, states):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        fits = stride == 1 and inputs == outputs
        projections = [] if fits else [nn.Conv2d(inputs, outputs, 1, stride, bias=False) for _ in range(states)]
        self.projections = nn.ModuleList(projections)

    def residual(self, activated):
        return self.conv2(F.relu(self.bn2(self.conv1(activated)), inplace=True))


class PreNet(nn.Module):
    """PreActResNet and ZeroSNet-Opt in CIFAR form, which looks back on three states."""

    def __init__(self, widths, blocks, coefficients=None):
        super().__init__()
        self.coefficients = coefficients
        self.stem = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        layers, inputs = [], widths[0]
        for stage, width in enumerate(widths):
            for i in range(blocks):
                stride = 2 if stage and i == 0 else 1
                layers.append(PreBlock(inputs, width, stride, 3 if coefficients else 1))
                inputs = width
        self.blocks = nn.ModuleList(layers)
        self.final_bn = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        states = [self.stem(x)]
        for index, block in enumerate(self.blocks):
            activated = F.relu(block.bn1(states[0]), inplace=True)
            f = block.residual(activated)
            if self.coefficients is None:
                short = block.projections[0](activated) if block.projections else states[0]
                states = [short + f]
            elif index < 2:
                states = [states[0] + f] + states
            else:
                if block.projections:
                    states = [conv(state) for conv, state in zip(block.projections, states)]
                a0, a1, a2, b0 = self.coefficients
                h, last, before = states
                states = [a0 * h + a1 * last + a2 * before + b0 * f, h, last]
        x = F.relu(self.final_bn(states[0]), inplace=True)
        return self.fc(x.mean((2, 3)))


NETWORKS = {
    "resnet20": lambda: ResNet([16, 32, 64], 3, "A"),
    "resnet18": lambda: ResNet([64, 128, 256, 512], 2, "B"),
    "preactresnet20": lambda: PreNet([16, 32, 64], 3),
    "zerosnet20": lambda: PreNet([16, 32, 64], 3, (1 / 3, 5 / 9, 1 / 9, 16 / 9)),
}


def network_step(name, mode):
    """A training step (forward, loss, backward, SGD with momentum), or an inference pass: channels_last."""
    model = NETWORKS[name]().to(memory_format=torch.channels_last)
    images = torch.randn(ARGS.batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(ARGS.batch) % 10
    if mode == "train":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()

        return step
    model.eval()
    forward = torch.compile(model) if mode == "infer-compiled" else model

    def step():
        with torch.inference_mode():
            forward(images).sum().item()

    return step


def resnet50_shapes():
    """The 161 tensors of a ResNet-50: 25.6 million parameters."""
    shapes, inputs = [(64, 3, 7, 7), (64,), (64,)], 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(blocks):
            for shape in ((width, inputs, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)):
                shapes += [shape, (shape[0],), (shape[0],)]
            if i == 0:
                shapes += [(4 * width, inputs, 1, 1), (4 * width,), (4 * width,)]
            inputs = 4 * width
    return shapes + [(1000, inputs), (1000,)]


def parameters():
    for shape in resnet50_shapes():
        parameter = nn.Parameter(torch.randn(shape) * 0.02)
        parameter.grad = torch.randn(shape) * 1e-3
        yield parameter


@torch.no_grad()
def miadam3_step(params, states, step):
    """MIAdam of order 3 in eager tensor operations, as published: one tensor at a time."""
    lr, beta1, beta2, kappa, eps = 1e-3, 0.9, 0.999, 0.98, 1e-8
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    for p, (m, v, s1, s2, s3) in zip(params, states):
        m.mul_(beta1).add_(p.grad, alpha=1 - beta1)
        v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        denominator = (v.sqrt() / math.sqrt(correction2)).add_(eps)
        s1.mul_(kappa).add_(m)
        s2.mul_(kappa).add_(s1)
        s3.mul_(kappa).add_(s2)
        p.addcdiv_(s3, denominator, value=-(lr**4) / correction1)


def optimizer_step(name):
    params = list(parameters())
    if name == "sgd":
        return torch.optim.SGD(params, lr=1e-3, momentum=0.9, fused=True).step
    if name == "adam":
        return torch.optim.Adam(params, lr=1e-3, fused=True).step
    states = [[torch.zeros_like(p) for _ in range(5)] for p in params]
    taken = 0

    def step():
        nonlocal taken
        taken += 1
        miadam3_step(params, states, taken)

    return step


def main():
    torch.manual_seed(0)
    torch.set_num_threads(ARGS.threads)
    name, _, mode = ARGS.case.partition("-")
    if name in NETWORKS and mode in ("train", "infer", "infer-compiled"):
        step = network_step(name, mode)
    elif ARGS.case in ("sgd", "adam", "miadam3"):
        step = optimizer_step(ARGS.case)
    else:
        sys.exit(f"there is no case `{ARGS.case}`")
    print(f"pytorch {torch.__version__}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(f"{1e3 * (time.perf_counter() - start):.4f}", flush=True)


if __name__ == "__main__":
    main()
