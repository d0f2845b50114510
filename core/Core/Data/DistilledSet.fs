namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.IO
open System.Security.Cryptography
open TorchSharp
open KdPlugins.Torch
open KdPlugins.Torch.Weights

/// A data set that a method has made, as it lies on disk: a folder with data.safetensors and card.json. The tensors are
/// "images", uint8 or float32 [N, C, H, W] (floats as if in [0, 1], but learned ones may leave it), with "labels" int64 [N],
/// "soft" float32 [N, K], both or neither, and whatever else the method adds.
[<Sealed>]
type DistilledSet private (card: DistilledCard, tensors: IReadOnlyDictionary<string, Tensor>) =

    static let images = "images"
    static let labels = "labels"
    static let soft = "soft"

    static let shapeOf (t: Tensor) = TensorText.Describe t

    static let finite (t: Tensor) = t.dtype = torch.ScalarType.Byte || t.isfinite().all().item<bool>()

    static let imagesProblem (t: Tensor) =
        if t.dim () <> 4L || Array.contains 0L t.shape then
            Some $"'{images}' are {shapeOf t}, expected [N, C, H, W]"
        elif t.dtype <> torch.ScalarType.Byte && t.dtype <> torch.ScalarType.Float32 then
            Some $"'{images}' are {shapeOf t}, expected uint8 or float32"
        elif not (finite t) then
            Some $"'{images}' hold NaN or infinite values"
        else
            None

    static let labelsProblem (count: int64) (classes: int64) (t: Tensor) =
        if t.dtype <> torch.ScalarType.Int64 || t.dim () <> 1L || t.shape[0] <> count then
            Some $"'{labels}' are {shapeOf t}, expected int64 [{count}]"
        elif t.min().item<int64>() < 0L || t.max().item<int64>() >= classes then
            Some $"'{labels}' hold a class outside 0 to {classes - 1L}"
        else
            None

    static let softProblem (count: int64) (t: Tensor) =
        if
            t.dtype <> torch.ScalarType.Float32
            || t.dim () <> 2L
            || t.shape[0] <> count
            || t.shape[1] = 0L
        then
            Some $"'{soft}' are {shapeOf t}, expected float32 [{count}, K]"
        elif not (finite t) then
            Some $"'{soft}' hold NaN or infinite values"
        else
            None

    /// What is wrong with a set's tensors.
    static let problem (classes: int64) (all: IReadOnlyDictionary<string, Tensor>) =
        let check (name: string) (test: Tensor -> string option) () =
            match all.TryGetValue name with
            | true, t -> test t
            | _ -> None

        match all.TryGetValue images with
        | false, _ -> Some $"there is no tensor '{images}'"
        | true, pictures ->
            imagesProblem pictures
            |> Option.orElseWith (check labels (labelsProblem pictures.shape[0] classes))
            |> Option.orElseWith (check soft (softProblem pictures.shape[0]))

    static let targetsOf (names: seq<string>) = [| labels; soft |] |> Array.filter (fun t -> Seq.contains t names)

    static let refuse (path: string) (what: string) : unit = Fail.error DataErrors.ContentChanged $"'{path}': {what}."

    static let checkHash (path: string) (expected: string) (mostBytes: int64) =
        try
            use stream = PlainFile.Open path

            if stream.Length > mostBytes then
                Fail.error DataErrors.TooLarge $"'{path}' has {stream.Length} bytes, more than the {mostBytes} allowed."

            let found = Convert.ToHexStringLower(SHA256.HashData stream)

            if found <> expected then
                refuse path $"its SHA-256 is {found}, the card beside it has another"
        with
        | :? FileNotFoundException -> Fail.error DataErrors.NotFound $"There is no file '{path}'."
        | :? UnauthorizedAccessException
        | :? IOException as e -> Fail.error DataErrors.AccessDenied $"'{path}' cannot be read: {e.Message}"

    static let checkAgainst (path: string) (card: DistilledCard) (all: IReadOnlyDictionary<string, Tensor>) =
        match problem card.Classes all with
        | Some what -> refuse path what
        | None -> ()

        let pictures = all[images]

        if
            pictures.shape[0] <> card.Count
            || Array.skip 1 pictures.shape <> Seq.toArray card.InputShape
        then
            refuse path $"'{images}' are {shapeOf pictures}, the card says another number or shape"

        if targetsOf all.Keys |> Array.except card.Targets |> Array.isEmpty |> not then
            refuse path "it holds targets that the card does not name"

        if card.Targets |> Seq.except (targetsOf all.Keys) |> Seq.isEmpty |> not then
            refuse path "it lacks targets that the card names"

    /// The name of the file with the tensors.
    static member DataFile = "data.safetensors"

    /// The name of the card's file.
    static member CardFile = "card.json"

    /// What the card says.
    member _.Card = card

    /// uint8 or float32 [N, C, H, W].
    member _.Images = tensors[images]

    /// int64 [N], each below the card's number of classes; null where there are none.
    member _.Labels: Tensor =
        match tensors.TryGetValue labels with
        | true, t -> t
        | _ -> null

    /// float32 [N, K]; null where there are none.
    member _.Soft: Tensor =
        match tensors.TryGetValue soft with
        | true, t -> t
        | _ -> null

    /// Every tensor by name, on the CPU; this object owns them.
    member _.Tensors = tensors

    /// Writes a set into a folder that exists: each file whole or not at all, and a set that was there is replaced.
    /// name: of the set. data: what it was made from, for classes, mean and deviation. origin: see IPlanContext.Origin.
    /// tensors: see the type; of any device. Raises KDP0303 where they are not such, KDP0560 where the disk refuses.
    static member Write
        (
            folder: string,
            name: string,
            data: DataInfo,
            origin: IReadOnlyDictionary<string, string>,
            tensors: IReadOnlyDictionary<string, Tensor>
        ) : DistilledCard =
        let refuse (what: string) =
            Fail.error CoreErrors.ShapesDiffer $"The data set '{name}' cannot be written: {what}."

        problem data.Classes tensors |> Option.iter refuse
        let shape = tensors[images].shape

        for statistics in [ data.Mean; data.Std ] do
            if statistics.Count <> 0 && int64 statistics.Count <> shape[1] then
                refuse $"'{images}' have {shape[1]} channels, the data that they were made from {statistics.Count}"

        let written =
            WeightTensors.Save(tensors, Path.Combine(folder, DistilledSet.DataFile))

        let card =
            DistilledCard(
                name,
                shape[0],
                data.Classes,
                data.ClassNames,
                Array.skip 1 shape,
                data.Mean,
                data.Std,
                targetsOf tensors.Keys,
                written.Sha256,
                origin
            )

        AtomicFile.Write(Path.Combine(folder, DistilledSet.CardFile), Action<Stream>(DistilledCardText.write card))
        |> ignore

        card

    /// Opens a set and checks all of it. mostBytes: the most that the data may take.
    /// Raises KDP0401 for a missing file, KDP0404 for a card that is none, KDP0406 for data that take more, KDP0411 for a
    /// file that may not be read, KDP0412 where the files contradict each other, KDP051x for a damaged safetensors file.
    static member Open(folder: string, mostBytes: int64) : DistilledSet =
        let card = DistilledCardText.read (Path.Combine(folder, DistilledSet.CardFile))
        let path = Path.Combine(folder, DistilledSet.DataFile)
        checkHash path card.Sha256 mostBytes
        use _ = torch.NewDisposeScope()
        use source = SafeTensorsFile.Open path
        let all = WeightTensors.ToTensors source
        checkAgainst path card all

        for tensor in all.Values do
            tensor.DetachFromDisposeScope() |> ignore

        new DistilledSet(card, all)

    interface IDisposable with
        member _.Dispose() =
            for tensor in tensors.Values do
                tensor.Dispose()
