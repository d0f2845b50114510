namespace KdPlugins.KrrSt

open System
open System.ComponentModel.DataAnnotations
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

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

    // The largest float32 below 1.
    static let most = 1.0 - 1.0 / float (1 <<< 24)

    /// Records the kind, int64 [1] by its place among colour, crop, cutout, flip, scale and rotate, and its draws u, v and w,
    /// float64 [B] in [0, 1), as far as the kind takes them. Raises KDP0303 where the input is no batch of images.
    override this.Apply(batch: Batch, context: IPartContext) =
        this.Asker.RequireImages batch |> ignore
        let kinds = this.Options.Kinds
        let nameOf (draw: string) = $"siamese-choice.{draw}"

        let place =
            let ranges = [| struct (0L, int64 Siamese.Kinds.Length - 1L) |]
            let draw () = [| Siamese.DrawKind(context.Random, kinds) |]
            GivenDraws.Integers(context, nameOf "kind", ReadOnlySpan [| 1L |], ranges, draw)

        let kind = Siamese.Kinds[int place[0]]

        if not (Array.contains kind kinds) then
            let known = String.Join(", ", kinds)
            raise (GivenDraws.Unfit(nameOf "kind", $"is {kind}; the options have {known}."))

        // float64 [B] of a purpose.
        let drawn (purpose: string) =
            let draw () = Siamese.Draw(context.Random, purpose, batch.Count)
            let ranges = [| struct (0.0, most) |]
            torch.tensor (GivenDraws.Reals(context, nameOf purpose, ReadOnlySpan [| batch.Count |], ranges, draw))

        let purposes = Siamese.Purposes kind
        let draws = purposes |> Array.map drawn

        let changed =
            batch.WithInput(Siamese.Change(batch.Input, kind, draws)).WithParameter(nameOf "kind", torch.tensor place)

        Array.fold2 (fun (b: Batch) purpose t -> b.WithParameter(nameOf purpose, t)) changed purposes draws
