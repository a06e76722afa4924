//! Decoding one JPEG or PNG image into bytes `[H, W, C]`.

use std::io::Cursor;

use png::{BitDepth, ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The largest width and height.
const MAX_SIDE: usize = 4096;
/// A block of 8x8 pixels takes a bit of a JPEG file at least.
const PIXELS_PER_BYTE: usize = 512;

/// An image whose header has been read. The format is told from the first bytes, not from the name.
pub(super) enum Encoded<'a> {
    Jpeg(Box<JpegDecoder<ZCursor<&'a [u8]>>>, [usize; 3]),
    Png(Box<png::Reader<Cursor<&'a [u8]>>>, [usize; 3]),
}

impl<'a> Encoded<'a> {
    /// Reads the header. An error is a sentence without the file's name.
    pub fn read(bytes: &'a [u8]) -> Result<Encoded<'a>, String> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            read_jpeg(bytes)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            read_png(bytes)
        } else if bytes.is_empty() {
            Err("the file is empty".to_string())
        } else {
            Err("the content is neither JPEG nor PNG".to_string())
        }
    }

    /// `[H, W, C]`; C is 1 or 3.
    pub fn shape(&self) -> [usize; 3] {
        match self {
            Encoded::Jpeg(_, shape) | Encoded::Png(_, shape) => *shape,
        }
    }

    /// "JPEG" or "PNG".
    pub fn format(&self) -> &'static str {
        match self {
            Encoded::Jpeg(..) => "JPEG",
            Encoded::Png(..) => "PNG",
        }
    }

    /// Decodes into `out`, which has exactly `H * W * C` bytes.
    pub fn decode_into(self, out: &mut [u8]) -> Result<(), String> {
        match self {
            Encoded::Jpeg(mut decoder, _) => decoder.decode_into(out).map_err(|e| e.to_string()),
            Encoded::Png(mut reader, _) => {
                let frame = reader.next_frame(out).map_err(|e| e.to_string())?;
                if frame.buffer_size() != out.len() {
                    return Err("its first frame does not fill the image".to_string());
                }
                reader.finish().map_err(|e| e.to_string())
            }
        }
    }
}

fn read_jpeg(bytes: &[u8]) -> Result<Encoded<'_>, String> {
    // Strict: an image that ends early is an error and not a grey area.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("the JPEG header is incomplete")?;
    let (channels, colour) = match info.components {
        1 => (1, ColorSpace::Luma),
        3 => (3, ColorSpace::RGB),
        n => return Err(format!("it has {n} colour components; save it as RGB or grey")),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colour));
    let shape = [usize::from(info.height), usize::from(info.width), channels];
    check(shape)?;
    check_whole(bytes, shape)?;
    Ok(Encoded::Jpeg(Box::new(decoder), shape))
}

fn read_png(bytes: &[u8]) -> Result<Encoded<'_>, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    // What is said of the image beside its pixels is packed, and may be a bomb.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and fewer bits become bytes of a channel each.
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(|e| e.to_string())?;
    let side = |pixels: u32| usize::try_from(pixels).unwrap_or(usize::MAX);
    let (width, height) = (side(reader.info().width), side(reader.info().height));
    let channels = match reader.output_color_type() {
        (ColorType::Grayscale, BitDepth::Eight) => 1,
        (ColorType::Rgb, BitDepth::Eight) => 3,
        (color, depth) => {
            let bits = depth as u8;
            return Err(format!(
                "its pixels are {color:?} of {bits} bits; save it as 8-bit RGB or grey without \
                 transparency"
            ));
        }
    };
    check([height, width, channels])?;
    Ok(Encoded::Png(Box::new(reader), [height, width, channels]))
}

/// Refuses a JPEG file that ends before its image does. The decoder notices only what is cut off before
/// the last row of blocks, and takes an early end mark for the end of a grey image.
fn check_whole(bytes: &[u8], [height, width, _]: [usize; 3]) -> Result<(), String> {
    // Between the start of a scan and the end of the image, 0xff is never followed by these two.
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    if last(0xd9) <= last(0xda) {
        return Err("the file is cut off: its end mark is missing".to_string());
    }
    if height * width / PIXELS_PER_BYTE > bytes.len() {
        let bytes = bytes.len();
        return Err(format!("the file is cut off: {bytes} bytes are not {width}x{height} pixels"));
    }
    Ok(())
}

/// Refuses images that are too large, or of no size.
fn check([height, width, _]: [usize; 3]) -> Result<(), String> {
    let sides = 1..=MAX_SIDE;
    if sides.contains(&width) && sides.contains(&height) {
        return Ok(());
    }
    Err(format!("it has {width}x{height} pixels; 1 to {MAX_SIDE} a side are read"))
}
