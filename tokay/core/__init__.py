"""Pure functions on tensors; they import torch and nothing else of Tokay but its errors."""
