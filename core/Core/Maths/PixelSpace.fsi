namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp

/// Images in two spaces: pixel values in [0, 1], and what networks take, (x - mean) / std per channel. Tensors are
/// [N, C, H, W]; what comes back is of their dtype, on their device, with graph to them.
[<Sealed>]
type PixelSpace =

    /// mean, std: one of each per channel, std above 0. Raises KDP0303 where there are not as many of both.
    new: mean: IReadOnlyList<double> * std: IReadOnlyList<double> -> PixelSpace

    /// A data set's own; where it does not know them, both spaces are one (mean 0, deviation 1).
    static member Of: data: DataInfo -> PixelSpace

    /// Per channel.
    member Mean: IReadOnlyList<double>

    /// Per channel, above 0.
    member Std: IReadOnlyList<double>

    /// (x - mean) / std.
    member Normalise: pixels: torch.Tensor -> torch.Tensor

    /// x std + mean.
    member ToPixels: normalised: torch.Tensor -> torch.Tensor

    /// Differences: how many pixel values a number of deviations is, x std.
    member Scale: deviations: torch.Tensor -> torch.Tensor

    /// (-mean / std, (1 - mean) / std): the normalised values of 0 and 1, each [1, C, 1, 1], of the dtype
    /// and on the device of some values.
    member Bounds: values: torch.Tensor -> struct (torch.Tensor * torch.Tensor)

    /// Brings normalised values in place to where those of pixels lie. Records no graph.
    member Clamp: normalised: torch.Tensor -> unit

    /// Where normalised values of pixels lie, over all channels.
    member Range: ValueRange

    /// uint8 of pixel values: the nearest of 256 levels; what lies outside of [0, 1] becomes 0 or 255.
    static member ToBytes: pixels: torch.Tensor -> torch.Tensor

    /// float32 pixel values of uint8.
    static member FromBytes: bytes: torch.Tensor -> torch.Tensor
