"""PyTorch: eager, with the fused optimizer, and with torch.compile."""
import torch
from torch import nn
from torch.nn import functional


class Torch:
    OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")
    fused = compiled = False

    def __init__(self, net, data, optimizer, batch_size=125):
        torch.set_num_threads(1)
        self.x, self.y, self.x_test, self.y_test = map(torch.from_numpy, (
            data.x_train, data.y_train, data.x_test, data.y_test))
        layers = []
        for W, b in net.layers:
            linear = nn.Linear(*W.shape)
            linear.weight.data = torch.tensor(W.T).contiguous()
            linear.bias.data = torch.tensor(b)
            layers += [linear, nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])
        self.optimizer = self.make(optimizer)
        self.forward = torch.compile(self.net) if self.compiled else self.net

    def make(self, o):
        name, parameters = type(o).__name__, self.net.parameters()
        extra = {"fused": True} if self.fused else {}
        if name in ("SGD", "Momentum"):
            return torch.optim.SGD(parameters, o.learning_rate,
                                   momentum=getattr(o, "momentum", 0), **extra)
        if name == "AdaGrad":
            return torch.optim.Adagrad(
                parameters, o.learning_rate, eps=o.epsilon,
                initial_accumulator_value=o.initial_accumulator, **extra)
        if name == "RMSprop":
            made = torch.optim.RMSprop(parameters, o.learning_rate, alpha=o.decay,
                                       eps=o.epsilon)
            for p in self.net.parameters():     # TensorFlow's start at 1
                made.state[p].update(step=torch.tensor(0.0), square_avg=torch.full_like(
                    p, o.initial_mean_square))
            return made
        return torch.optim.Adam(parameters, o.learning_rate, (o.beta1, o.beta2),
                                o.epsilon, **extra)

    def update(self, rows):
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.forward(self.x[rows]), self.y[rows])
        loss.backward()
        self.optimizer.step()

    def loss(self):
        with torch.no_grad():
            return functional.cross_entropy(self.net(self.x[:1000]),
                                            self.y[:1000]).item()

    def fgsm_errors(self, epsilons):
        wrong = torch.zeros(1 + len(epsilons))
        for x, y in zip(self.x_test.split(1000), self.y_test.split(1000)):
            x = x.clone().requires_grad_()
            z = self.net(x)
            dx, = torch.autograd.grad(functional.cross_entropy(
                z, y, reduction="sum"), x)
            with torch.no_grad():
                sign = dx.sign()
                attacked = [self.net(x + epsilon * sign) for epsilon in epsilons]
            wrong += torch.stack([(z.argmax(1) != y).sum() for z in (z, *attacked)])
        return tuple((100 * wrong / len(self.x_test)).tolist())


class TorchFused(Torch):
    OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam")
    fused = True


class TorchCompiled(Torch):
    compiled = True


PEERS = {"torch": Torch, "torch_fused": TorchFused, "torch_compiled": TorchCompiled}
