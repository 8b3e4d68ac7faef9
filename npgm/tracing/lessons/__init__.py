"""The lessons, one a file: its run, its picture, what is said of it."""
import importlib

FILES = ("first_steps", "slowing_down", "saturation", "alternation", "one_image",
         "too_small")

LESSONS = {lesson.name: lesson for lesson in (
    importlib.import_module(f"{__name__}.{file}").LESSON for file in FILES)}
