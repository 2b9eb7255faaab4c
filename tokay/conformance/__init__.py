"""The conformance suite: what every method must hold, from this package or from yours.

    pytest --pyargs tokay.conformance                                               every registered method
    pytest --pyargs tokay.conformance --tokay-algorithm mypackage.methods.Centroid  that method alone

Each method is tried with every value of its choices, on every kind of task that it takes, with every kind of norm layer:
values and meta-gradients agree between ``vmap``, chunks and the loop, and with finite differences; nothing writes to the
network; padding and the order of examples change nothing; the method learns. A method excuses itself from a check in its
own class: ``exceptions = {"finite_differences": "its gradient is a surrogate"}``.
"""
