namespace KdPlugins.Core

open System
open TorchSharp
open KdPlugins.Torch

/// How the values of a part of an answer stand in a row. What is decoded is what a step gets, also where it was encoded a
/// moment before: an answer does not depend on whether it was there.
[<RequireQualifiedAccess>]
type internal RowCodec =
    /// As they are.
    | Float32
    /// Rounded to bfloat16.
    | BFloat16
    /// 256 even steps from a row's least value to its largest: off by half a step at most.
    | Int8
    /// The k largest of a row of logits as they are, and the logarithm of the sum of the exponentials of all others, which come
    /// back even: every one of the k keeps its probability, the others keep theirs together.
    | Largest of k: int64

/// Rows of bytes from tensors and back.
module internal RowCodec =

    /// What the key says of it.
    let text (codec: RowCodec) =
        match codec with
        | RowCodec.Float32 -> "float32"
        | RowCodec.BFloat16 -> "bf16"
        | RowCodec.Int8 -> "int8"
        | RowCodec.Largest k -> $"largest-{k}"

    let private values (shape: int64[]) = Array.fold (*) 1L shape

    /// Bytes of a row of so many values.
    let private bytes (codec: RowCodec) (count: int64) =
        match codec with
        | RowCodec.Float32 -> 4L * count
        | RowCodec.BFloat16 -> 2L * count
        | RowCodec.Int8 -> 8L + count
        | RowCodec.Largest k -> 8L * k + 4L

    /// The form of a tensor's rows; null where it cannot be stored so.
    let formOf (codec: RowCodec) (t: Tensor) : RowForm voption =
        let shape = Array.skip 1 t.shape
        let size = bytes codec (values shape)

        let isFit =
            match codec with
            | RowCodec.Largest k -> shape.Length = 1 && k < shape[0]
            | _ -> values shape > 0L

        if
            t.dtype <> torch.ScalarType.Float32
            || not isFit
            || size > int64 Array.MaxLength - 64L
        then
            ValueNone
        else
            ValueSome
                {
                    Shape = shape
                    ChannelsLast = t.dim () = 4L && t.IsChannelsLast() && not (t.is_contiguous ())
                    Bytes = int size
                }

    // [B, values] in the order of the memory, on the CPU.
    let private flat (form: RowForm) (t: Tensor) =
        let inOrder = if form.ChannelsLast then t.permute (0L, 2L, 3L, 1L) else t
        inOrder.cpu().contiguous().view(t.shape[0], -1L)

    let private shaped (form: RowForm) (device: torch.Device) (rows: Tensor) =
        let count = rows.shape[0]

        let whole =
            if form.ChannelsLast then
                let s = form.Shape
                rows.view(count, s[1], s[2], s[0]).permute(0L, 3L, 1L, 2L)
            else
                rows.view (Array.append [| count |] form.Shape)

        whole.``to`` device

    // What a row is made of: columns of so many values of a dtype.
    let private columns (codec: RowCodec) (form: RowForm) : struct (torch.ScalarType * int64) list =
        let count = values form.Shape

        match codec with
        | RowCodec.Float32 -> [ struct (torch.ScalarType.Float32, count) ]
        | RowCodec.BFloat16 -> [ struct (torch.ScalarType.BFloat16, count) ]
        | RowCodec.Int8 ->
            [
                struct (torch.ScalarType.Float32, 1L)
                struct (torch.ScalarType.Float32, 1L)
                struct (torch.ScalarType.Byte, count)
            ]
        | RowCodec.Largest k ->
            [
                struct (torch.ScalarType.Float32, k)
                struct (torch.ScalarType.Int32, k)
                struct (torch.ScalarType.Float32, 1L)
            ]

    /// New columns [B, values] on the CPU, for rows to be put into.
    let empty (codec: RowCodec) (form: RowForm) (rows: int64) : Tensor[] =
        [|
            for struct (dtype, count) in columns codec form -> torch.zeros ([| rows; count |], dtype)
        |]

    /// The columns of a tensor's rows.
    let encode (codec: RowCodec) (form: RowForm) (t: Tensor) : Tensor[] =
        let x = flat form t

        match codec with
        | RowCodec.Float32 -> [| x |]
        | RowCodec.BFloat16 -> [| x.to_type torch.ScalarType.BFloat16 |]
        | RowCodec.Int8 ->
            let least = x.amin ([| 1L |], keepdim = true)
            let step = (x.amax ([| 1L |], keepdim = true)).sub(least).div((255.0).ToScalar())
            let divisor = torch.where (step.eq ((0.0).ToScalar()), torch.ones_like step, step)

            let q =
                x.sub(least).div(divisor).round().clamp((0.0).ToScalar(), (255.0).ToScalar())

            [| least; step; q.to_type torch.ScalarType.Byte |]
        | RowCodec.Largest k ->
            let struct (top, places) = x.topk (int k, 1)

            let others =
                x.scatter (1L, places, torch.full_like (top, Double.NegativeInfinity.ToScalar()))

            let rest = others.logsumexp (1L, keepdim = true)
            [| top; places.to_type torch.ScalarType.Int32; rest |]

    /// The values of columns on a device, float32 [B, ...] in the layout that they had.
    let decode (codec: RowCodec) (form: RowForm) (device: torch.Device) (columns: Tensor[]) : Tensor =
        let flat =
            match codec with
            | RowCodec.Float32 -> columns[0]
            | RowCodec.BFloat16 -> columns[0].to_type torch.ScalarType.Float32
            | RowCodec.Int8 -> columns[2].to_type(torch.ScalarType.Float32).mul(columns[1]).add(columns[0])
            | RowCodec.Largest k ->
                let each = columns[2].sub((Math.Log(float (form.Shape[0] - k))).ToScalar())

                each
                    .expand(columns[0].shape[0], form.Shape[0])
                    .scatter(1L, columns[1].to_type torch.ScalarType.Int64, columns[0])

        shaped form device flat

    let private rowOf (column: Tensor) (row: int) : Span<byte> =
        let all = column.bytes
        let size = all.Length / int column.shape[0]
        all.Slice(row * size, size)

    /// The bytes of a row.
    let gather (columns: Tensor[]) (row: int) (target: Span<byte>) =
        let mutable at = 0

        for column in columns do
            let bytes = rowOf column row
            bytes.CopyTo(target.Slice at)
            at <- at + bytes.Length

    /// Puts the bytes of a row into columns.
    let scatter (columns: Tensor[]) (row: int) (bytes: ReadOnlySpan<byte>) =
        let mutable at = 0

        for column in columns do
            let target = rowOf column row
            bytes.Slice(at, target.Length).CopyTo target
            at <- at + target.Length
