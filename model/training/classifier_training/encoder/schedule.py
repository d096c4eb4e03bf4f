"""The learning rate over a run of the fine-tuning."""


def rate_share(epoch: float, *, cycle: float, epochs: float, warm_up: float) -> float:
    """Return the share of the peak learning rate after `epoch` epochs, 0 to 1.

    It rises from `cycle` on for `warm_up` of the way, then falls linearly to nothing at `epochs`.
    It knows nothing of steps or of earlier cycles: a run that goes on after tickets were added has
    the rates of its own settings. `cycle` must lie below `epochs`.
    """
    way = (epoch - cycle) / (epochs - cycle)
    if way < warm_up:
        return max(0.0, way / warm_up)
    return max(0.0, (1 - way) / (1 - warm_up))
