"""What is to be known about one answer, as bits."""

from enum import IntFlag


class Flag(IntFlag):
    """Bits of `Prediction.flags` and of the second result of `Client.run`; the values are on the wire."""

    WARMING_UP = 1 << 0  # the window is not full: the answer is the nominal value
    OUT_OF_TRAINED_RANGE = 1 << 1  # a signal is outside what training saw
    LIMITED = 1 << 2  # the envelope changed the answer
    REFUSED = 1 << 3  # the sample was not finite or not physical: not taken; the window starts empty again
    LATE = 1 << 4  # the deadline passed: the answer is the policy's
    DISCONNECTED = 1 << 5  # no stream: the answer is the policy's
    SWAPPING = 1 << 8  # a crossfade: the answer is between those of two versions
    # From here on the client's alone.
    FAULT = 1 << 16  # too many misses in a row: the answers are the policy's until clear_fault()
    UNFIT = 1 << 17  # a value of the sample was not fit: the answer is the policy's
    REPLACED = 1 << 18  # a value of the sample was not fit: another stood in for it
