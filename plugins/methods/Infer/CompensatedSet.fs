namespace KdPlugins.Infer

open System
open System.ComponentModel.DataAnnotations
open System.IO
open System.Security.Cryptography
open System.Text
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The options of the data set "compensated-set".
[<Sealed; AllowNullLiteral>]
type CompensatedSetOptions() =

    /// The folder with card.json and data.safetensors, such as outputs/distilled of a run of "infer". Relative to the recipe's
    /// folder; required.
    [<Required; MinLength(1); RegularExpression(@"[^\0]*"); RecipePath>]
    member val Path = "" with get, set

    /// What the images are answered with: labels (one class each) or soft (the teachers' mean logits, where they were stored).
    /// Default: labels.
    [<AllowedValues("labels", "soft")>]
    member val Target = "labels" with get, set

    /// The most that the data may take, in megabytes. 1 to 1,000,000; default 4096.
    [<Range(1, 1_000_000)>]
    member val MaxMegabytes = 4096 with get, set

/// An opened set of natural images and compensators.
[<Sealed>]
type internal CompensatedDataset(set: DistilledSet, path: string, soft: bool, asker: Asker) =
    let classes = set.Card.Classes

    let damaged (what: string) : 'a =
        raise (KdException(DataErrors.DamagedFile, $"'{path}' is no compensated set: {what}."))

    let optional (name: string) (dtype: torch.ScalarType) : torch.Tensor =
        match set.Tensors.TryGetValue name with
        | true, t when t.dtype = dtype -> t
        | true, t -> damaged $"'{name}' are {TensorText.Describe t}, expected {dtype}"
        | _ -> null

    let expect (name: string) (t: torch.Tensor) (shape: int64[]) =
        if isNull t || t.shape <> shape then
            let got = if isNull t then "missing" else TensorText.Describe t
            damaged $"'{name}' are {got}, expected {TensorText.Shape(ReadOnlySpan shape)}"

    let images = set.Images
    let codes = optional CompensatedNames.Codes torch.ScalarType.Byte
    let ranges = optional CompensatedNames.Ranges torch.ScalarType.Float32
    let logits = optional CompensatedNames.Logits torch.ScalarType.Float32

    do
        let count = images.shape[0]

        if images.dtype <> torch.ScalarType.Byte || classes < 1L || count % classes <> 0L then
            damaged $"its images are {TensorText.Describe images} of {classes} classes"

        let ordered = torch.arange(count).remainder(classes.ToScalar())

        if isNull set.Labels || not (set.Labels.eq(ordered).all().item<bool>()) then
            damaged "its images are not in the order of their classes"

        if not (isNull codes) then
            expect CompensatedNames.Codes codes (Array.append [| codes.shape[0] |] images.shape[1..])
            expect CompensatedNames.Ranges ranges [| codes.shape[0]; images.shape[1]; 2L |]

            if codes.shape[0] % (count / classes) <> 0L then
                damaged $"it has {codes.shape[0]} compensators for {count / classes} natural images per class"

            if not (ranges.isfinite().all().item<bool>()) then
                damaged $"'{CompensatedNames.Ranges}' hold NaN or infinite values"

        if soft then
            let compensated = if isNull codes then 0L else codes.shape[0] * classes
            expect CompensatedNames.Logits logits [| count + compensated; classes |]

    let info =
        DataInfo(
            InputKind.Image,
            set.Card.InputShape,
            (if soft then TargetKind.Soft else TargetKind.ClassIndex),
            classes,
            set.Card.ClassNames,
            set.Card.Mean,
            set.Card.Std,
            Array.Empty<string>()
        )

    interface IDataset with
        member _.Info = info
        member _.Splits = [| "train" |]

        member _.Open split =
            if split <> "train" then
                raise (asker.NoSplit(split, [| "train" |]))

            CompensatedSource(images, codes, ranges, PixelSpace.Of info, classes, (if soft then logits else null))

        member _.Fingerprint =
            let text = $"compensated-set\000{set.Card.Sha256}\000{soft}"
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes text))

        member _.Dispose() = (set :> IDisposable).Dispose()

/// The instances that "infer" has distilled, made from natural images and compensators when they are read: clamp(x + u).
/// It has the split train.
[<Sealed; KdDataset("compensated-set", Description = "What a run of infer has distilled, expanded as it is read")>]
type CompensatedSetPlugin() =
    inherit DatasetPlugin<CompensatedSetOptions>()

    /// Raises what DistilledSet.Open raises, and KDP0404 where the set is not of natural images and compensators.
    override this.Open baseFolder =
        let path = Path.GetFullPath(Path.Combine(baseFolder, this.Options.Path))
        let set = DistilledSet.Open(path, int64 this.Options.MaxMegabytes <<< 20)

        try
            new CompensatedDataset(set, path, (this.Options.Target = "soft"), this.Asker)
        with _ ->
            (set :> IDisposable).Dispose()
            reraise ()
