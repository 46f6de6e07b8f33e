"""EfficientSAM-Ti: a small ViT encoder and SAM's prompt encoder and mask decoder.

Xiong et al. 2023, 'EfficientSAM: Leveraged Masked Image Pretraining for Efficient Segment Anything',
doi:10.48550/arXiv.2312.00863. Parameter names are the published ones. Letters in shapes: B images, Q queries
an image, N points a query, C channels, (H, W) the image, (h, w) = (H/16, W/16) its tokens.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from temtrack.nets.layers import Block, SelfAttention, attend, chain, imagenet_normalize, init_linear

PATCH = 16
REFERENCE_SIDE = 1024  # the frame in which the published network sees every image
N_POINT_SLOTS = 6
N_MASK_TOKENS = 4

INVALID, POINT, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT = -1, 1, 2, 3


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of BxCxhxw."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ImageEncoder(nn.Module):
    """ViT-Ti with a convolutional neck: Bx3xHxW -> Bx256xhxw."""

    pretrain_side = 14  # tokens a side of the position embedding, after one slot for a class token

    def __init__(self, dim: int, depth: int, n_heads: int, out_dim: int) -> None:
        super().__init__()
        self.patch_embed = chain(proj=nn.Conv2d(3, dim, PATCH, PATCH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.pretrain_side**2, dim))
        self.blocks = nn.Sequential(*(Block(dim, SelfAttention(dim, n_heads), 1e-6) for _ in range(depth)))
        self.neck = nn.Sequential(
            nn.Conv2d(dim, out_dim, 1, bias=False),
            LayerNorm2d(out_dim, eps=1e-6),
            nn.Conv2d(out_dim, out_dim, 3, padding=1, bias=False),
            LayerNorm2d(out_dim, eps=1e-6),
        )

    def positions(self, h: int, w: int) -> Tensor:
        """Return the position embedding at h x w tokens, BxCxhxw."""
        grid = (
            self.pos_embed[:, 1:].unflatten(1, (self.pretrain_side, self.pretrain_side)).permute(0, 3, 1, 2)
        )
        return F.interpolate(grid.float(), size=(h, w), mode="bicubic", align_corners=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        h, w = x.shape[-2:]
        x = (x + self.positions(h, w).to(x.dtype)).flatten(2).transpose(1, 2)  # BxCxhxw -> BxNxC
        x = self.blocks(x.contiguous())  # once here, not in every layer norm
        return self.neck(x.transpose(1, 2).reshape(len(x), -1, h, w))


class RandomFourierPositions(nn.Module):
    """Encode positions in [0, 1] as sines and cosines of random projections."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, n_features))

    def forward(self, xy: Tensor) -> Tensor:
        with torch.autocast(xy.device.type, enabled=False):  # phases are large: bfloat16 would blur places
            phase = 2 * math.pi * ((2 * xy.float() - 1) @ self.positional_encoding_gaussian_matrix.float())
        return torch.cat([phase.sin(), phase.cos()], dim=-1)

    def grid(self, h: int, w: int) -> Tensor:
        """Return the encoding of the centres of h x w cells, Cxhxw."""
        matrix = self.positional_encoding_gaussian_matrix
        y = (torch.arange(h, device=matrix.device) + 0.5) / h
        x = (torch.arange(w, device=matrix.device) + 0.5) / w
        return self(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)).permute(2, 0, 1)


class PromptEncoder(nn.Module):
    """Turn points and box corners into tokens: BxNx2 and BxN -> BxNx256."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pe_layer = RandomFourierPositions(dim // 2)
        self.invalid_points = nn.Embedding(1, dim)
        self.point_embeddings = nn.Embedding(1, dim)
        self.bbox_top_left_embeddings = nn.Embedding(1, dim)
        self.bbox_bottom_right_embeddings = nn.Embedding(1, dim)

    def forward(self, xy: Tensor, labels: Tensor) -> Tensor:
        tokens = self.pe_layer((xy + 0.5) / REFERENCE_SIDE)
        for label, embedding in (
            (INVALID, self.invalid_points),
            (POINT, self.point_embeddings),
            (BOX_TOP_LEFT, self.bbox_top_left_embeddings),
            (BOX_BOTTOM_RIGHT, self.bbox_bottom_right_embeddings),
        ):
            tokens = tokens + (labels == label).unsqueeze(-1) * embedding.weight
        return tokens


class CrossAttention(nn.Module):
    """Multi-head attention with a narrower inner width."""

    def __init__(self, dim: int, inner: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q_proj = nn.Linear(dim, inner)
        self.k_proj = nn.Linear(dim, inner)
        self.v_proj = nn.Linear(dim, inner)
        self.out_proj = nn.Linear(inner, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for layer, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        return self.out_proj(attend(q, k, v).transpose(1, 2).flatten(2))


def mlp_head(dim: int, hidden: int, out: int, n_hidden: int) -> nn.Sequential:
    """Build hidden layers, each followed by GELU, and a last linear layer."""
    layers = (nn.Sequential(nn.Linear(a, b), nn.GELU()) for a, b in pairwise([dim, *[hidden] * n_hidden]))
    return chain(layers=nn.Sequential(*layers), fc=nn.Linear(hidden, out))


class TwoWayLayer(nn.Module):
    """Tokens attend to themselves and to the image, the image attends to the tokens."""

    def __init__(self, dim: int, n_heads: int, hidden: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = CrossAttention(dim, dim, n_heads)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = CrossAttention(dim, dim // 2, n_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = mlp_head(dim, hidden, dim, 1)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = CrossAttention(dim, dim // 2, n_heads)

    def forward(
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        if not self.first:
            tokens = tokens + token_pe  # into the residual too, unlike SAM: so says the published network
        tokens = self.norm1(tokens + self.self_attn(tokens, tokens, tokens))
        k = image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, k, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(k, tokens + token_pe, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """The decoder's transformer: BxTxC tokens and BxNxC image tokens, both updated."""

    def __init__(self, dim: int, depth: int, n_heads: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayLayer(dim, n_heads, hidden, first=i == 0) for i in range(depth))
        self.final_attn_token_to_image = CrossAttention(dim, dim // 2, n_heads)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, image: Tensor, image_pe: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
        tokens = prompt
        for layer in self.layers:
            tokens, image = layer(tokens, image, prompt, image_pe)
        attended = self.final_attn_token_to_image(tokens + prompt, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image


class MaskDecoder(nn.Module):
    """From an embedding and prompt tokens to masks at a quarter of the image's size and their IoUs."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(dim, depth=2, n_heads=8, hidden=8 * dim)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(N_MASK_TOKENS, dim)
        self.final_output_upscaling_layers = nn.Sequential(
            nn.Sequential(nn.ConvTranspose2d(dim, dim // 4, 2, 2), nn.GroupNorm(1, dim // 4), nn.GELU()),
            nn.Sequential(nn.ConvTranspose2d(dim // 4, dim // 8, 2, 2), nn.GELU()),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            mlp_head(dim, dim, dim // 8, 2) for _ in range(N_MASK_TOKENS)
        )
        self.iou_prediction_head = mlp_head(dim, dim, N_MASK_TOKENS, 2)

    def forward(self, embedding: Tensor, image_pe: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
        b, _, h, w = embedding.shape
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(b, -1, -1)
        tokens = torch.cat([own, prompt], dim=1)  # Bx(1+4+6)xC
        image = embedding.flatten(2).transpose(1, 2)
        tokens, image = self.transformer(image, image_pe.flatten(1).T.unsqueeze(0).to(image.dtype), tokens)
        features = self.final_output_upscaling_layers(image.transpose(1, 2).reshape(b, -1, h, w))
        hyper = torch.stack(
            [mlp(tokens[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        masks = (hyper @ features.flatten(2)).reshape(b, -1, *features.shape[-2:])
        return masks, self.iou_prediction_head(tokens[:, 0])


class EfficientSam(nn.Module):
    """EfficientSAM for any input size that is a multiple of 16.

    ``embed`` then ``decode``: one embedding, many queries in one batch. The published network sees every
    image resized to 1024 x 1024 px.
    """

    def __init__(self, dim: int = 192, depth: int = 12, n_heads: int = 3, prompt_dim: int = 256) -> None:
        super().__init__()
        self.image_encoder = ImageEncoder(dim, depth, n_heads, prompt_dim)
        self.prompt_encoder = PromptEncoder(prompt_dim)
        self.mask_decoder = MaskDecoder(prompt_dim)

    def embed(self, images: Tensor) -> Tensor:
        """Embed Bx3xHxW images in [0, 1], H and W multiples of 16, as Bx256xhxw."""
        return self.image_encoder(imagenet_normalize(images))

    def decode(self, embedding: Tensor, xy: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Decode BxQ queries at once.

        Parameters
        ----------
        embedding
            Bx256xhxw, from `embed`.
        xy
            BxQxNx2 points (x, y) in pixels of the image.
        labels
            BxQxN: 1 a point, 2 and 3 a box's corners, -1 none. N may be 0: a query for everything.

        Returns
        -------
        logits
            BxQx3x4hx4w: the masks 1 to 3.
        iou
            BxQx3: the network's own estimate of each mask's IoU.
        """
        if labels.shape[-1] == 0:  # as padded, for programs that cannot pad what is empty
            xy = xy.new_zeros(*labels.shape[:2], N_POINT_SLOTS, 2)
            labels = labels.new_full(xy.shape[:3], INVALID)
        b, q, n = labels.shape
        h, w = embedding.shape[-2:]
        n_missing = max(0, N_POINT_SLOTS - n)
        labels = F.pad(labels[:, :, :N_POINT_SLOTS], (0, n_missing), value=INVALID)
        to_frame = REFERENCE_SIDE / xy.new_tensor([w * PATCH, h * PATCH])
        xy = F.pad((xy * to_frame)[:, :, :N_POINT_SLOTS], (0, 0, 0, n_missing))
        xy = torch.where((labels == INVALID).unsqueeze(-1), -1.0, xy)
        prompt = self.prompt_encoder(xy.flatten(0, 1), labels.flatten(0, 1)).to(embedding.dtype)
        masks, iou = self.mask_decoder(
            embedding.repeat_interleave(q, dim=0), self.prompt_encoder.pe_layer.grid(h, w), prompt
        )
        return masks.unflatten(0, (b, q))[:, :, 1:], iou.unflatten(0, (b, q))[:, :, 1:]


def efficient_sam_ti() -> EfficientSam:
    """Build EfficientSAM-Ti with 10,223,204 parameters, initialised for training from nothing."""
    net = EfficientSam().apply(init_linear)
    nn.init.trunc_normal_(net.image_encoder.pos_embed, std=0.02)
    return net
