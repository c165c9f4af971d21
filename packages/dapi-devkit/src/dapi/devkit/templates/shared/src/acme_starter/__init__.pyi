from .mlp import AcmeStarterMLPWeights as AcmeStarterMLPWeights
from .mlp import acme_starter_mlp as acme_starter_mlp
