"""The exponential of the ray caster against the library's."""

import numpy as np

from prosector.kernels.optics import fading


def test_light_fades_exponentially():
    depths = np.concatenate([np.linspace(0, 3, 2001), np.geomspace(1e-12, 690, 500)])
    found = np.array([fading.py_func(np.float64(depth)) for depth in depths])
    np.testing.assert_allclose(found, np.exp(-depths), rtol=1e-8)
    assert fading.py_func(np.float64(0.0)) == 1.0
    assert 0 <= fading.py_func(np.float64(1e9)) < 1e-300
