namespace KdPlugins.KrrSt

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open TorchSharp
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

    static let kindName = "siamese-choice.kind"

    // The largest float32 below 1.
    static let most = 1.0 - 1.0 / float (1 <<< 24)

    // The kind, drawn from the options' or given by its place in Siamese.Kinds.
    member private this.Kind(context: IPartContext) : string =
        let ranges = [| struct (0L, int64 Siamese.Kinds.Length - 1L) |]

        let kinds = this.Options.Kinds

        let draw () =
            let drawn = Siamese.DrawKind(context.Random, kinds)
            [| int64 (Array.IndexOf(Siamese.Kinds, drawn)) |]

        let kind =
            Siamese.Kinds[int (GivenDraws.Integers(context, kindName, ReadOnlySpan [| 1L |], ranges, draw)[0])]

        if kinds |> Array.contains kind then
            kind
        else
            let known = kinds |> String.concat ", "
            raise (GivenDraws.Unfit(kindName, $"is {kind}; the options have {known}."))

    /// Records the kind, int64 [1] by its place among colour, crop, cutout, flip, scale and rotate, and its draws u, v and w,
    /// float64 [B] in [0, 1), as far as the kind takes them. Raises KDP0303 where the input is no batch of images.
    override this.Apply(batch: Batch, context: IPartContext) =
        if batch.Input.dim () <> 4L then
            raise (
                KdException(
                    CoreErrors.ShapesDiffer,
                    $"Augmentation 'siamese-choice' needs images [batch, channels, height, width], got {TensorText.Describe batch.Input}."
                )
            )

        let x, count = batch.Input, batch.Count
        let kind = this.Kind context

        // float64 [B] of a purpose.
        let drawn (purpose: string) =
            let draw () =
                Siamese.Draw(context.Random, purpose, count).to_type(torch.ScalarType.Float64).data<double>().ToArray()

            let ranges = [| struct (0.0, most) |]

            torch.tensor (
                GivenDraws.Reals(context, $"siamese-choice.{purpose}", ReadOnlySpan [| count |], ranges, draw)
            )

        let purposes = Siamese.Purposes kind
        let draws = purposes |> Array.map drawn
        let inDtype = draws |> Array.map (fun t -> t.``to``(x.device).to_type x.dtype)
        let place = int64 (Array.IndexOf(Siamese.Kinds, kind))

        let changed =
            batch.WithInput(Siamese.Change(x, kind, inDtype)).WithParameter(kindName, torch.tensor [| place |])

        Array.zip purposes draws
        |> Array.fold (fun (b: Batch) (purpose, t) -> b.WithParameter($"siamese-choice.{purpose}", t)) changed
