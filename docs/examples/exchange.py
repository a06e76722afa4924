"""Weights from PyTorch to Lowland and back: the same logits on both sides.

A ResNet-20 that PyTorch has made is scored by Lowland, trained on by it, and loaded by PyTorch again.

    pip install torch safetensors
    cargo build --release
    python docs/examples/exchange.py --lowland target/release/lowland

Prints, for each direction, the largest difference of logits relative to the largest logit.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

CONFIG = """
name = "exchange"
data.dataset = "digits"
data.subset = 400
model.name = "resnet20"
train = { epochs = 2, batch_size = 32 }
optimizer = { learning_rate = 0.02, sgd = { momentum = 0.9 } }
"""


class Block(nn.Module):
    """The basic block of a ResNet for CIFAR, by the names of most implementations; shortcut A."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.before = (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if x.shape != y.shape:
            after = y.shape[1] - x.shape[1] - self.before
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, after))
        return F.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self, channels=1, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.stage(16, 16, 1)
        self.layer2 = self.stage(16, 32, 2)
        self.layer3 = self.stage(32, 64, 2)
        self.linear = nn.Linear(64, classes)

    def stage(self, inputs, outputs, stride):
        first = Block(inputs, outputs, stride)
        return nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(2)))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def disturb_statistics(net):
    """Running statistics of a fresh network are 0 and 1, which would hide that they are exchanged."""
    generator = torch.Generator().manual_seed(2)
    for name, statistic in net.named_buffers():
        if name.endswith("running_mean"):
            statistic.uniform_(-0.2, 0.2, generator=generator)
        elif name.endswith("running_var"):
            statistic.uniform_(0.5, 2.0, generator=generator)


def compare(net, logits_file, what):
    """The network's logits against those that Lowland has written."""
    theirs = load_file(logits_file)
    net.eval()
    with torch.no_grad():
        ours = net(theirs["images"])
    difference = ((ours - theirs["logits"]).abs().max() / ours.abs().max()).item()
    hits = (ours.argmax(1) == theirs["labels"]).float().mean().item()
    print(f"{what}: largest difference {difference:.1e}, PyTorch's accuracy on these images {100 * hits:.1f} %")
    assert difference < 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lowland", default="target/release/lowland", help="the program")
    lowland = [str(Path(parser.parse_args().lowland).resolve())]

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def run(*arguments):
            subprocess.run([*lowland, *map(str, arguments)], check=True, cwd=folder, stdout=subprocess.DEVNULL)

        (folder / "exchange.toml").write_text(CONFIG)

        # From PyTorch: a state dict, as it is.
        torch.manual_seed(1)
        net = ResNet20()
        disturb_statistics(net)
        save_file(net.state_dict(), folder / "pytorch.safetensors")
        run("evaluate", "exchange.toml", "--weights", "pytorch.safetensors", "--logits", "first.safetensors")
        compare(net, folder / "first.safetensors", "PyTorch's weights in Lowland")

        # Trained on, and back.
        run("train", "exchange.toml", "--set", "train.initial_weights=pytorch.safetensors", "--out", "run")
        run("weights", "run", "--names", "pytorch-cifar", "--out", "back.safetensors")
        run("evaluate", "run", "--logits", "trained.safetensors")
        back = ResNet20()
        missing = back.load_state_dict(load_file(folder / "back.safetensors"), strict=False)
        assert not missing.unexpected_keys
        assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
        compare(back, folder / "trained.safetensors", "Lowland's weights in PyTorch")


if __name__ == "__main__":
    main()
