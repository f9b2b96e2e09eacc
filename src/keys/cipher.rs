//! XChaCha20-Poly1305 under random nonces.
//!
//! The construction of draft-irtf-cfrg-xchacha: HChaCha20 makes a key of the first sixteen bytes of
//! a nonce, and ChaCha20-Poly1305 (RFC 8439) does the rest under it. The second half is ring's, which
//! is in assembler: sealing is on the path of every write.
//!
//! ring does not clear what it copies of a key. It gets no key of ours, only one that opens a single
//! text, and that one is cleared where it was made.

use chacha20::cipher::consts::U10;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroize;

use super::{key::Key, random::fill_random};

/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of a nonce from which the key of one text is made.
const DERIVED_BYTES: usize = 16;

/// A nonce and the tag of what was encrypted under it.
pub(super) type Sealed = ([u8; NONCE_BYTES], [u8; TAG_BYTES]);

/// Encrypts in place under a random nonce; gives nonce and tag.
pub(super) fn encrypt(key: &Key, aad: &[u8], text: &mut [u8]) -> Result<Sealed, getrandom::Error> {
    let mut nonce = [0; NONCE_BYTES];
    fill_random(&mut nonce)?;
    encrypt_under(key, &nonce, aad, text)
        .map(|tag| (nonce, tag))
        // Only a text of 256 GiB is refused; nothing here comes near it.
        .ok_or(getrandom::Error::UNEXPECTED)
}

/// Encrypts in place under a nonce that no other text has; gives the tag.
pub(super) fn encrypt_under(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    text: &mut [u8],
) -> Option<[u8; TAG_BYTES]> {
    let (key, nonce) = of_one_text(key, nonce)?;
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text);
    tag.ok()?.as_ref().try_into().ok()
}

/// Decrypts in place; whether nonce, text, tag and `aad` belong together under this key. Where they
/// do not, the text is of no use any more.
pub(super) fn decrypt(
    key: &Key,
    aad: &[u8],
    nonce: &[u8; NONCE_BYTES],
    text: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> bool {
    let Some((key, nonce)) = of_one_text(key, nonce) else {
        return false;
    };
    let opened = key.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), text, 0..);
    opened.is_ok()
}

/// The key of one text, and what is left of the nonce for it.
fn of_one_text(key: &Key, nonce: &[u8; NONCE_BYTES]) -> Option<(LessSafeKey, Nonce)> {
    let (derived, rest) = nonce.split_first_chunk::<DERIVED_BYTES>()?;
    let mut subkey = chacha20::hchacha::<U10>((&**key).into(), derived.into());
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, &subkey);
    subkey.as_mut_slice().zeroize();
    let mut short = [0; NONCE_LEN];
    short
        .get_mut(NONCE_LEN - rest.len()..)?
        .copy_from_slice(rest);
    let nonce = Nonce::assume_unique_for_key(short);
    Some((LessSafeKey::new(unbound.ok()?), nonce))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn the_drafts_own_example_comes_out() {
        // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
        let key: Vec<u8> = (0x80..=0x9f).collect();
        let key = Zeroizing::new(key.try_into().unwrap());
        let nonce: Vec<u8> = (0x40..=0x57).collect();
        let nonce = nonce.try_into().unwrap();
        let aad = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let text = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
                    for the future, sunscreen would be it.";
        let mut bytes = text.as_bytes().to_vec();
        let tag = encrypt_under(&key, &nonce, &aad, &mut bytes).unwrap();
        let want = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                    731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                    2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                    21f9664c97637da9768812f615c68b13b52e";
        assert_eq!(hex::encode(&bytes), want);
        assert_eq!(hex::encode(tag), "c0875924c1c7987947deafd8780acf49");
        assert!(decrypt(&key, &aad, &nonce, &mut bytes, &tag));
        assert_eq!(bytes, text.as_bytes());
    }

    #[test]
    fn every_bit_counts() {
        let key = Zeroizing::new([7; 32]);
        let mut sealed = *b"some text";
        let (nonce, tag) = encrypt(&key, b"aad", &mut sealed).unwrap();
        let opens = |key: &Key, aad: &[u8], nonce: &[u8; 24], text: &[u8], tag: &[u8; 16]| {
            decrypt(key, aad, nonce, &mut text.to_vec(), tag)
        };
        assert!(opens(&key, b"aad", &nonce, &sealed, &tag));
        assert!(!opens(&key, b"add", &nonce, &sealed, &tag));
        assert!(!opens(
            &Zeroizing::new([8; 32]),
            b"aad",
            &nonce,
            &sealed,
            &tag
        ));
        for bit in 0..NONCE_BYTES * 8 {
            let mut other = nonce;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&key, b"aad", &other, &sealed, &tag), "{bit}");
        }
        for bit in 0..TAG_BYTES * 8 {
            let mut other = tag;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&key, b"aad", &nonce, &sealed, &other), "{bit}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&key, b"aad", &nonce, &other, &tag), "{bit}");
        }
    }
}
