namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Security.Cryptography
open System.Text
open TorchSharp

/// Room on a disk, in words.
module internal Room =
    let text (bytes: float) =
        if bytes >= 1073741824.0 then
            (bytes / 1073741824.0).ToString("N2", CultureInfo.InvariantCulture) + " GiB"
        else
            (bytes / 1048576.0).ToString("N1", CultureInfo.InvariantCulture) + " MiB"

/// One part of an answer, stored by sample and view: its logits, its embedding or a tap.
/// path: of its file. key: all that the values depend on, but for the row.
[<Sealed>]
type internal AnswerPart(path: string, key: string, codec: RowCodec) =
    let mutable file: RowFile = Unchecked.defaultof<_>
    let mutable isSought = false

    let opened () =
        if isNull (box file) && not isSought then
            isSought <- true
            file <- RowFile.Open(path, key)

        file

    // A form that was found in the file stays: another batch may have another layout of the same shape.
    let made (form: RowForm) (count: int64) =
        if isNull (box (opened ())) then
            file <- RowFile.Make(path, key, form, count)

        file

    /// Where it is stored.
    member _.Path = path

    /// How it is stored.
    member _.Codec = codec

    /// The form of its rows; none where nothing was stored.
    member _.Form =
        if isNull (box (opened ())) then
            ValueNone
        else
            ValueSome file.Form

    /// The columns of rows as far as they are there, and which are. Null where there is nothing at all.
    member _.Read(rows: int64[]) : struct (Tensor[] * bool[]) =
        match opened () with
        | none when isNull (box none) -> struct (null, null)
        | file ->
            let columns = RowCodec.empty codec file.Form (int64 rows.Length)
            let buffer = Array.zeroCreate<byte> file.Form.Bytes

            let there =
                rows
                |> Array.mapi (fun i row ->
                    let isThere = file.Read(row, Span buffer)

                    if isThere then
                        RowCodec.scatter columns i (ReadOnlySpan buffer)

                    isThere)

            struct (columns, there)

    /// Whether a row is there.
    member _.Has(row: int64) =
        match opened () with
        | none when isNull (box none) -> false
        | file -> file.Read(row, Span(Array.zeroCreate<byte> file.Form.Bytes))

    /// Stores the rows that are not there. count: of all rows that there can be. Raises what the disk says.
    member _.Write(form: RowForm, count: int64, rows: int64[], columns: Tensor[], there: bool[]) =
        let file = made form count

        if file.Form = form then
            let buffer = Array.zeroCreate<byte> form.Bytes

            rows
            |> Array.iteri (fun i row ->
                if not there[i] then
                    RowCodec.gather columns i (Span buffer)
                    file.Write(row, ReadOnlySpan buffer))

    interface IDisposable with
        member _.Dispose() =
            if not (isNull (box file)) then
                (file :> IDisposable).Dispose()
                file <- Unchecked.defaultof<_>

            isSought <- false

/// The stored answers of a network to the views of one kind of a source's samples.
/// folder: where the files are. key: network, weights, samples, pipeline and precision. section: how parts are stored.
[<Sealed>]
type internal AnswerStore(folder: string, key: string, section: TeacherCacheSection) =
    let parts = Dictionary<string, AnswerPart>()

    let codecOf (part: string) =
        match part, section.Values with
        | "logits", _ when section.TopLogits > 0L -> RowCodec.Largest section.TopLogits
        | _, "bf16" -> RowCodec.BFloat16
        | _, "int8" -> RowCodec.Int8
        | _ -> RowCodec.Float32

    /// The part's name for the embedding.
    static member Embedding = "embedding"

    /// The part's name for the logits.
    static member Logits = "logits"

    /// The part's name for a tap.
    static member Tap(name: string) = "tap/" + name

    /// A part.
    member _.Part(name: string) : AnswerPart =
        match parts.TryGetValue name with
        | true, part -> part
        | _ ->
            let codec = codecOf name
            let whole = $"{key}part {name}\nstored {RowCodec.text codec}\n"
            let hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes whole))
            let part = new AnswerPart(Path.Combine(folder, hash + ".answers"), whole, codec)
            parts[name] <- part
            part

    interface IDisposable with
        member _.Dispose() =
            for part in parts.Values do
                (part :> IDisposable).Dispose()

            parts.Clear()

/// An answer as its parts, by their names.
module internal AnswerParts =

    /// Those that an answer of a network with some taps has.
    let names (network: INetwork) (taps: string seq) : string list =
        [
            AnswerStore.Logits
            if network.Shape.Embedding > 0L then
                AnswerStore.Embedding
            for tap in Seq.sortWith (fun a b -> String.CompareOrdinal(a, b)) taps do
                AnswerStore.Tap tap
        ]

    /// The value of one.
    let value (output: ModelOutput) (part: string) : Tensor =
        if part = AnswerStore.Logits then
            output.Logits
        elif part = AnswerStore.Embedding then
            output.Embedding
        else
            output.Feature(part.Substring((AnswerStore.Tap "").Length))

    /// The answer that they make.
    let output (parts: (string * Tensor) list) : ModelOutput =
        let all = dict parts
        let features = Dictionary<string, Tensor>()

        for name, value in parts do
            if name.StartsWith(AnswerStore.Tap "", StringComparison.Ordinal) then
                features[name.Substring((AnswerStore.Tap "").Length)] <- value

        let embedding =
            match all.TryGetValue AnswerStore.Embedding with
            | true, value -> value
            | _ -> null

        ModelOutput(all[AnswerStore.Logits], embedding, features)
