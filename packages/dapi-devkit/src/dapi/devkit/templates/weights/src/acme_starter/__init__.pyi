from .weights import AcmeStarterWeights as AcmeStarterWeights
