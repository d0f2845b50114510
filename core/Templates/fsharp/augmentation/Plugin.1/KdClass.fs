namespace Plugin._1

open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch
open TorchSharp

/// The options of the augmentation "plugin-id-1".
[<Sealed; AllowNullLiteral>]
type KdClassOptions() =

    /// How far the brightness goes, 0 to 1: factors are drawn from [1 - strength, 1 + strength). Default: 0.4.
    [<Range(0.0, 1.0)>]
    member val Strength = 0.4 with get, set

/// Multiplies every image by a factor of its own and cuts the values off at 0 and 1.
[<Sealed;
  KdAugmentation("plugin-id-1",
                 Version = "1.0.0",
                 Description = "A brightness of its own for every image; before images are normalised")>]
type KdClassAugmentation() =
    inherit Augmentation<KdClassOptions>()

    /// Raises KDP0303 where the batch is not one of images.
    override this.Apply(batch, context) =
        // [batch, channels, height, width]
        let images = batch.Input

        if images.dim () <> 4L then
            raise (
                KdException(
                    CoreErrors.ShapesDiffer,
                    $"Augmentation 'plugin-id-1' takes images [batch, channels, height, width], got {TensorText.Describe images}."
                )
            )

        // Drawn on the CPU, so that every device sees the same factors.
        use random = context.Random.NewGenerator torch.CPU
        let unit = torch.rand ([| batch.Count; 1L; 1L; 1L |], generator = random)
        let strength = this.Options.Strength

        let factors =
            (unit * (2.0 * strength) + (1.0 - strength)).``to``(images.dtype).``to`` images.device

        batch
            .WithInput((images * factors).clamp(0.0.ToScalar(), 1.0.ToScalar()))
            .WithParameter("plugin-id-1.factor", factors.flatten ())
