//! Images of a few pixels, of every kind that is read and of those that are not.

use png::{BitDepth, ColorType, Encoder};

use super::Seeds;

/// An 8x8 RGB JPEG and an 8x8 grey one, of the tests of `lowland-data`.
const JPEG_RGB: &[u8] = include_bytes!("../../../lowland-data/tests/fixtures/two_tone_8x8.jpg");
const JPEG_GREY: &[u8] = include_bytes!("../../../lowland-data/tests/fixtures/gray_8x8.jpg");

pub fn seeds() -> Seeds {
    let mut cut = JPEG_RGB.to_vec();
    cut.truncate(cut.len() - 20);
    // The marker of the frame is followed by its length, the precision, the height and the width.
    let mut vast = JPEG_GREY.to_vec();
    let frame = vast.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("it has a frame");
    vast[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
    let mut empty = rgb();
    // Width and height are at 16 and 20; the checksum of the chunk behind them is wrong then too.
    empty[16..24].fill(0);
    vec![
        ("accepted-rgb.jpg", JPEG_RGB.to_vec()),
        ("accepted-grey.jpg", JPEG_GREY.to_vec()),
        ("accepted-rgb.png", rgb()),
        ("accepted-grey.png", png(ColorType::Grayscale, BitDepth::Eight, 2, 2, &[0, 85, 170, 255])),
        ("accepted-one-bit.png", png(ColorType::Grayscale, BitDepth::One, 4, 2, &[0x50, 0xa0])),
        ("refused-alpha.png", png(ColorType::Rgba, BitDepth::Eight, 1, 1, &[1, 2, 3, 4])),
        ("refused-16-bit.png", png(ColorType::Grayscale, BitDepth::Sixteen, 1, 1, &[1, 2])),
        ("refused-animation-of-part.png", animation()),
        ("refused-empty.png", empty),
        ("refused-cut.jpg", cut),
        ("refused-4096x4096-of-nothing.jpg", vast),
        ("refused-no-image", b"GIF89a".to_vec()),
    ]
}

/// A 2x2 RGB PNG.
pub fn rgb() -> Vec<u8> {
    png(
        ColorType::Rgb,
        BitDepth::Eight,
        2,
        2,
        &[0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220],
    )
}

fn png(color: ColorType, depth: BitDepth, width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().expect("the header can be written");
    writer.write_image_data(pixels).expect("the pixels can be written");
    writer.finish().expect("the file can be ended");
    bytes
}

/// A 4x4 animation whose first frame is its upper left quarter.
fn animation() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 4, 4);
    encoder.set_animated(2, 0).expect("it can be an animation");
    let mut writer = encoder.write_header().expect("the header can be written");
    writer.write_image_data(&[7; 16]).expect("a frame can be written");
    writer.write_image_data(&[9; 16]).expect("a frame can be written");
    writer.finish().expect("the file can be ended");
    // The library writes no such first frame: its width and height are 4 bytes behind the chunk's name, and
    // the checksum behind 26 bytes of content.
    let name = bytes.windows(4).position(|name| name == b"fcTL").expect("it has frames");
    bytes[name + 8..name + 16].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 2]);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[name..name + 30]);
    bytes[name + 30..name + 34].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}
