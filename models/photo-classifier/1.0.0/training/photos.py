"""The free photos: golden cases cut from them, and degraded crops for evaluation. Every random draw is seeded."""
import importlib.metadata
import io

import numpy as np
from PIL import Image, ImageFilter

# name -> (file of the scikit-image wheel, licence and author as its documentation states them)
SOURCES = {
    'coffee': ('coffee.png', 'CC0, Rachel Michetti'),
    'camera': ('camera.png', 'CC0, Lav Varshney'),
    'chelsea': ('chelsea.png', 'CC0, Stefan van der Walt'),
    'astronaut': ('astronaut.png', 'public domain, NASA'),
    'rocket': ('rocket.jpg', 'public domain, SpaceX'),
}
# Class names that count as right for a photo: ImageNet splits what one word of daily life covers.
GROUPS = {
    'cat': ['tabby', 'tiger cat', 'Persian cat', 'Siamese cat', 'Egyptian cat'],
    'coffee': ['espresso', 'cup', 'coffee mug'],
    'photographer': ['tripod', 'reflex camera', 'Polaroid camera'],
    'rocket': ['missile', 'projectile', 'space shuttle'],
}
GROUP_OF = {'chelsea': 'cat', 'coffee': 'coffee', 'camera': 'photographer', 'rocket': 'rocket'}
# file name -> (photo, box, size, look, what the case is for). Chosen so that neighbouring ranks 1-4 are well apart in
# both versions: the labels of the top three are compared exactly, and a resize a little different must not reorder them.
# No side is below 292 px, so that no photo is enlarged: enlarging is where two bicubic resizers differ most.
GOLDEN = {
    '01-coffee': ('coffee', (93, 4, 536, 393), (364, 320), {'format': 'JPEG'}, 'an ordinary photo'),
    '02-grey-png': ('camera', (110, 73, 473, 437), (384, 385), {'format': 'PNG', 'mode': 'L'}, 'a one-channel PNG'),
    '03-alpha-png': ('camera', (56, 22, 458, 449), (292, 310), {'format': 'PNG', 'mode': 'RGBA'}, 'a PNG with an alpha channel, which is dropped'),
    '04-low-light': ('camera', (81, 246, 337, 459), (385, 320), {'format': 'PNG', 'brightness': 0.09}, 'a dark photo: confident, yet abstained'),
    '05-no-class': ('astronaut', (15, 59, 418, 435), (412, 384), {'format': 'JPEG'}, 'a photo of no known class: abstained'),
    '06-cat-exif': ('chelsea', (134, 4, 413, 274), (397, 384), {'format': 'JPEG', 'orientation': 6}, 'EXIF orientation 6, which is not applied'),
}
CROP_SIDE = 292  # the larger version's 260 px and its margin: no crop is enlarged by the preprocessing
BRIGHTNESS = [1.0, 0.5, 0.2, 0.1, 0.05]
EXIF_ORIENTATION = 0x0112


def photo(name):
    """The photo as Pillow decodes it, without its colour profile."""
    for file in importlib.metadata.files('scikit-image') or []:
        if file.as_posix() == f'skimage/data/{SOURCES[name][0]}':
            image = Image.open(file.locate())
            image.load()
            image.info.clear()
            return image
    raise FileNotFoundError(f'skimage/data/{SOURCES[name][0]} is not installed')


def _darkened(image, factor):
    return Image.fromarray(np.rint(np.asarray(image) * factor).astype(np.uint8)) if factor < 1 else image


def _ring_alpha(width, height):
    """An alpha channel from opaque in the middle to transparent at the corners, so that compositing would show."""
    rows, columns = np.mgrid[0:height, 0:width]
    distance = np.hypot((rows - height / 2) / height, (columns - width / 2) / width) / np.hypot(0.5, 0.5)
    return Image.fromarray(np.rint(255 * (1 - distance)).astype(np.uint8))


def golden_photo(name, box, size, look):
    """Encoded bytes: `box` of the photo, resized to `size`; `look` has format, mode, brightness, orientation."""
    image = photo(name).crop(box).convert(look.get('mode', 'RGB') if look.get('mode') != 'RGBA' else 'RGB')
    image = _darkened(image.resize(size, Image.Resampling.BICUBIC), look.get('brightness', 1))
    if look.get('mode') == 'RGBA':
        image.putalpha(_ring_alpha(*size))
    options = {'quality': 88, 'subsampling': 2} if look['format'] == 'JPEG' else {'optimize': True}
    if 'orientation' in look:
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = look['orientation']
        options['exif'] = exif
    target = io.BytesIO()
    image.save(target, look['format'], **options)
    return target.getvalue()


def degraded_crops(seed, per_photo):
    """(id, group, brightness, JPEG bytes) of `per_photo` seeded square crops of each labelled photo; brightness goes in turn."""
    generator = np.random.default_rng(seed)
    crops = []
    for name, group in GROUP_OF.items():
        original = photo(name).convert('RGB')
        for number in range(per_photo):
            brightness = BRIGHTNESS[number % len(BRIGHTNESS)]
            share, across, down = generator.uniform(0.7, 1), generator.random(), generator.random()
            blur, quality = float(generator.choice([0, 0, 1.5])), int(generator.choice([85, 40]))
            side = int(min(original.size) * share)
            left, top = int((original.width - side) * across), int((original.height - side) * down)
            image = original.crop((left, top, left + side, top + side)).resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BICUBIC)
            if blur:
                image = image.filter(ImageFilter.GaussianBlur(blur))
            target = io.BytesIO()
            _darkened(image, brightness).save(target, 'JPEG', quality=quality, subsampling=2)
            crops.append((f'{name}-{number:03d}-brightness-{brightness}', group, brightness, target.getvalue()))
    return crops
