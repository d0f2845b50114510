namespace KdPlugins.Core

open System
open TorchSharp
open KdPlugins.Torch

/// What methods share that optimise images against a frozen network.
[<AbstractClass; Sealed>]
type Inversion private () =

    /// Images [N, C, H, W] as one iteration sees them, all alike: where asked for a random part brought back to full size
    /// and, one time in two, mirrored; then rolled down and right by 0 to jitter pixels each. Without crop and jitter the
    /// images themselves.
    static member Jitter(images: torch.Tensor, random: SeededRandom, crop: bool, jitter: int) : torch.Tensor =
        let cropped =
            if not crop then
                images
            else
                let struct (top, left, height, width) =
                    SynthesisMath.DrawCrop(random, images.shape[2], images.shape[3])

                let part = SynthesisMath.CropAndResize(images, top, left, height, width)
                if random.NextBool 0.5 then part.flip 3L else part

        if jitter = 0 then
            cropped
        else
            let down = random.NextInt64(int64 jitter + 1L)
            SynthesisMath.Roll(cropped, down, random.NextInt64(int64 jitter + 1L))

    /// How well images are what they ought to be to a network: the mean cross-entropy with their classes, and the weighted
    /// gap of all batch-norm statistics (see SynthesisMath.WeightedGap); two scalars with graph to the input.
    /// role: whose network it is, for messages. network: frozen and in evaluation mode. input: [N, C, H, W], as the
    /// network takes it. labels: int64 [N]. first: the first batch norm's weight, the others have 1.
    /// Raises KDP0306 where the network computes no BatchNorm2d.
    static member Terms
        (role: string, network: INetwork, input: torch.Tensor, labels: torch.Tensor, first: double)
        : struct (torch.Tensor * torch.Tensor) =
        use probe = new NormProbe(network.Module)
        let logits = network.Forward(input, null, Array.Empty<string>()).Logits

        if probe.Gaps.Count = 0 then
            Fail.error
                CoreErrors.WrongCombination
                $"The network of '{role}' computes no 2-d batch norm; its statistics are what images are matched with."

        struct (torch.nn.functional.cross_entropy (logits, labels), SynthesisMath.WeightedGap(probe.Gaps, first))
