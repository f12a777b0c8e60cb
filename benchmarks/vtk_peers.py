"""VTK's renderers, with the camera, sampling distance, picture size and transfer function of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks.scenes import Scene
from prosector import Camera

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

FIXED_POINT = "VTK fixed-point"
GPU = "VTK GPU mapper, software GL"
POLYDATA = "VTK flying edges + polygons, software GL"

PROBE = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.AddRenderer(vtkRenderer())
window.Render()
"""


@cache
def can_render() -> bool:
    """Whether VTK has a GL to render with; asked in another process, since without one it crashes."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=120, check=False)
    return done.returncode == 0


def image_data(scene: Scene) -> tuple[Any, Any]:
    """VTK's image on our voxels, not copied, and the matrix that places it in LPS."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    geometry = scene.volume.geometry
    spacing = geometry.spacing_mm
    voxels, affine = _right_handed(scene)
    image = vtkImageData()
    image.SetDimensions(*geometry.shape[::-1])
    image.SetSpacing(*spacing[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(voxels.reshape(-1)))
    place = affine[:, [2, 1, 0, 3]]
    place[:3, :3] /= np.array(spacing[::-1])
    matrix = vtkMatrix4x4()
    matrix.DeepCopy(place.ravel())
    return image, matrix


_FLIPPED: dict[int, tuple[np.ndarray, np.ndarray]] = {}


def _right_handed(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine; flipped, once and outside what is timed, where the grid is a mirrored one.

    VTK lights a mirrored volume from the wrong side.
    """
    voxels, geometry = scene.volume.voxels, scene.volume.geometry
    affine = np.array(geometry.affine)
    if geometry.is_right_handed:
        return voxels, affine
    if id(voxels) not in _FLIPPED:  # the voxels are kept, so that the number stays theirs
        _FLIPPED[id(voxels)] = voxels, np.ascontiguousarray(voxels[::-1])
    affine[:, 3] += (geometry.shape[0] - 1) * affine[:, 0]
    affine[:, 0] *= -1
    return _FLIPPED[id(voxels)][1], affine


class VolumeView:
    """A window with one volume; ``render`` draws it and returns nothing, ``pixels`` reads it back."""

    def __init__(self, scene: Scene, size: int, *, method: str, mapper: str = FIXED_POINT) -> None:
        self.scene, self.method, self.kind = scene, method, mapper
        self.window, self.renderer = _window(size)
        self.load()

    def load(self) -> None:
        """Put a fresh mapper on the volume, as for the first frame."""
        from vtkmodules.vtkRenderingCore import vtkVolume

        self.renderer.RemoveAllViewProps()
        image, matrix = image_data(self.scene)
        mapper = self._mapper()
        mapper.SetInputData(image)
        volume = vtkVolume()
        volume.SetMapper(mapper)
        volume.SetProperty(_property(self.scene, self.method))
        volume.SetUserMatrix(matrix)
        self.renderer.AddVolume(volume)

    def _mapper(self) -> Any:
        import vtkmodules.vtkRenderingVolumeOpenGL2 as gl
        from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper

        step = self.scene.step_mm
        if self.kind == FIXED_POINT:
            mapper = vtkFixedPointVolumeRayCastMapper()
            mapper.SetNumberOfThreads(os.cpu_count() or 1)
            mapper.SetInteractiveSampleDistance(step)
        else:
            mapper = gl.vtkOpenGLGPUVolumeRayCastMapper()
            mapper.UseJitteringOff()
        mapper.LockSampleDistanceToInputSpacingOff()
        mapper.SetAutoAdjustSampleDistances(0)
        mapper.SetImageSampleDistance(1.0)
        mapper.SetSampleDistance(step)
        if self.method == "mip":
            mapper.SetBlendModeToMaximumIntensity()
        else:
            mapper.SetBlendModeToComposite()
        return mapper

    def render(self, camera: Camera) -> None:
        _aim(self.renderer, camera)
        self.window.Render()
        self.window.WaitForCompletion()

    def pixels(self) -> np.ndarray:
        return _pixels(self.window)


class SurfaceView:
    """A window with the triangles of an isosurface."""

    def __init__(self, scene: Scene, size: int) -> None:
        self.scene = scene
        self.window, self.renderer = _window(size)
        self.load()

    def load(self) -> None:
        from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

        self.renderer.RemoveAllViewProps()
        image, matrix = image_data(self.scene)
        contour = flying_edges(image, self.scene.level)
        mapper = vtkPolyDataMapper()
        mapper.SetInputConnection(contour.GetOutputPort())
        mapper.ScalarVisibilityOff()
        actor = vtkActor()
        actor.SetMapper(mapper)
        actor.SetUserMatrix(matrix)
        from prosector.rendering.isosurface import BONE_RGB

        look = actor.GetProperty()
        look.SetColor(*BONE_RGB)
        look.SetAmbient(0.2)
        look.SetDiffuse(0.8)
        look.SetSpecular(0.2)
        look.SetSpecularPower(16.0)
        self.renderer.AddActor(actor)

    def render(self, camera: Camera) -> None:
        _aim(self.renderer, camera)
        self.window.Render()
        self.window.WaitForCompletion()

    def pixels(self) -> np.ndarray:
        return _pixels(self.window)


def flying_edges(image: Any, level: float) -> Any:
    """vtkFlyingEdges3D with normals, on all cores."""
    from vtkmodules.vtkCommonCore import vtkSMPTools
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    vtkSMPTools.SetBackend("STDThread")
    vtkSMPTools.Initialize(os.cpu_count() or 1)
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, level)
    contour.ComputeNormalsOn()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    return contour


def flying_edges_run(scene: Scene) -> Callable[[], tuple[int, int]]:
    """Extracts anew at each call; vertices and triangles."""
    contour = flying_edges(image_data(scene)[0], scene.level)

    def run() -> tuple[int, int]:
        contour.Modified()
        contour.Update()
        found = contour.GetOutput()
        return found.GetNumberOfPoints(), found.GetNumberOfPolys()

    return run


def _window(size: int) -> tuple[Any, Any]:
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 (registers the implementation)
    from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

    window = vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(size, size)
    renderer = vtkRenderer()
    renderer.SetBackground(0, 0, 0)
    renderer.GetActiveCamera().ParallelProjectionOn()
    window.AddRenderer(renderer)
    window.Render()
    return window, renderer


def _aim(renderer: Any, camera: Camera) -> None:
    view = renderer.GetActiveCamera()
    view.SetFocalPoint(*camera.center_lps)
    view.SetPosition(*(camera.center_lps - 1000 * camera.forward_lps))
    view.SetViewUp(*camera.up_lps)
    view.SetParallelScale(camera.height_mm / 2)
    renderer.ResetCameraClippingRange()


def _property(scene: Scene, method: str) -> Any:
    from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction
    from vtkmodules.vtkRenderingCore import vtkColorTransferFunction, vtkVolumeProperty

    look = vtkVolumeProperty()
    look.SetInterpolationTypeToLinear()
    color, opacity = vtkColorTransferFunction(), vtkPiecewiseFunction()
    if method == "mip":
        color.AddRGBPoint(scene.window.low, 0, 0, 0)
        color.AddRGBPoint(scene.window.high, 1, 1, 1)
        opacity.AddPoint(scene.window.low, 1)
    else:
        for value, rgb in scene.transfer.color:
            color.AddRGBPoint(value, *rgb)
        for value, alpha in scene.transfer.opacity:
            opacity.AddPoint(value, alpha)
        _shade(look, scene)
    look.SetColor(color)
    look.SetScalarOpacity(opacity)
    look.SetScalarOpacityUnitDistance(1.0)
    return look


def _shade(look: Any, scene: Scene) -> None:
    from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction

    if scene.transfer.gradient_opacity:
        # VTK's gradients are for the mean spacing, ours for a millimetre
        mean = sum(scene.volume.geometry.spacing_mm) / 3
        gradient = vtkPiecewiseFunction()
        for per_mm, factor in scene.transfer.gradient_opacity:
            gradient.AddPoint(per_mm * mean, factor)
        look.SetGradientOpacity(gradient)
    shading = scene.transfer.shading
    if shading is not None:
        look.ShadeOn()
        look.SetAmbient(shading.ambient)
        look.SetDiffuse(shading.diffuse)
        look.SetSpecular(shading.specular)
        look.SetSpecularPower(shading.shininess)


def _pixels(window: Any) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

    width, height = window.GetSize()
    found = vtkUnsignedCharArray()
    window.GetPixelData(0, 0, width - 1, height - 1, 0, found, 0)
    return np.ascontiguousarray(vtk_to_numpy(found).reshape(height, width, 3)[::-1])
