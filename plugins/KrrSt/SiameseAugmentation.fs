namespace KdPlugins.KrrSt

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The options of the augmentation "siamese-choice".
[<Sealed; AllowNullLiteral>]
type SiameseOptions() =

    /// What each batch's augmentation is drawn from: colour, crop, cutout, flip, scale and rotate. Default: all of them.
    [<MinLength(1)>]
    member val Kinds = Siamese.Kinds with get, set

    interface IValidatableObject with
        member this.Validate _ =
            let known = Siamese.Kinds |> String.concat ", "

            [|
                for kind in this.Kinds |> Array.except Siamese.Kinds do
                    ValidationResult($"there is no kind '{kind}'; there are {known}", [| "Kinds" |])
            |]

/// Draws one augmentation for the whole batch and its amount for every image. Differentiable, and indifferent to the range
/// of values: made for distilled images. Targets stay as they are.
[<Sealed;
  KdAugmentation("siamese-choice",
                 Description = "One of colour, crop, cutout, flip, scale and rotate per batch, differentiable",
                 Paper = "Zhao, Bilen: Dataset Condensation with Differentiable Siamese Augmentation, 2021")>]
type SiameseAugmentation() =
    inherit Augmentation<SiameseOptions>()

    /// Raises KDP0303 where the input is no batch of images.
    override this.Apply(batch: Batch, context: IPartContext) =
        if batch.Input.dim () <> 4L then
            raise (
                KdException(
                    CoreErrors.ShapesDiffer,
                    $"Augmentation 'siamese-choice' needs images [batch, channels, height, width], got {TensorText.Describe batch.Input}."
                )
            )

        batch.WithInput(Siamese.Apply(batch.Input, context.Random, this.Options.Kinds))
