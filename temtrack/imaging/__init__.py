"""Operations on images and labels: arrays in, arrays out."""
