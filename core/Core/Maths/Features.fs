module KdPlugins.Core.FeatureMath

open TorchSharp

let Unit (values: torch.Tensor, dimension: int) =
    let lengths = values.norm (dimension, keepdim = true, p = 2.0f)
    // Not a lower bound: that would make gradients of 1e12 beside a vector of length 0.
    values.div (lengths.masked_fill (lengths.eq ((0.0).ToScalar()), (1.0).ToScalar()))

let Attention (map: torch.Tensor) = Unit(map.square().mean([| 1L |]).flatten 1L, 1)

let Enlarge (maps: torch.Tensor, height: int64, width: int64, alignCorners: bool) =
    if maps.shape[2] = height && maps.shape[3] = width then
        maps
    else
        torch.nn.functional.interpolate (
            maps,
            size = [| height; width |],
            mode = torch.InterpolationMode.Bilinear,
            align_corners = System.Nullable alignCorners
        )
