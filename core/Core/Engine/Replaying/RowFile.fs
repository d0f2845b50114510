namespace KdPlugins.Core

open System
open System.Buffers.Binary
open System.IO
open System.IO.Hashing
open System.Security.Cryptography
open System.Text
open System.Text.Json
open KdPlugins.Torch
open Microsoft.Win32.SafeHandles

/// What the rows of a file are: the form of one, how its values stand in memory, and its bytes.
type internal RowForm =
    {
        /// Without the batch dimension.
        Shape: int64[]

        /// Whether the values stand as height, width, channels.
        ChannelsLast: bool

        /// Bytes of a row.
        Bytes: int
    }

/// A file of rows of one size, each with a checksum of its own: a row that was never written, that was half written when a
/// process died, or that was damaged later is not there. The header holds the whole key that the rows belong to.
/// Several processes may read and write at once: what two of them write to one row at the same time either comes out as one of
/// the two or fails its checksum.
[<Sealed>]
type internal RowFile
    private (handle: SafeFileHandle, path: string, key: string, form: RowForm, start: int64, writes: bool) =
    static let magic = "KDANSW1\n"B
    static let sumBytes = 8
    // Magic, length of the header's text, its checksum.
    static let fixedBytes = 8 + 4 + 8
    static let mostHeader = 1 <<< 20
    static let page = 4096L

    let stride = form.Bytes + sumBytes
    // A row of another key, or of another place, is no row of this one.
    let seed =
        BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan(SHA256.HashData(Encoding.UTF8.GetBytes key)))

    let buffer = Array.zeroCreate<byte> stride

    // Never 0, which stands where nothing was written.
    let sumOf (row: int64) (payload: ReadOnlySpan<byte>) = max 1UL (XxHash3.HashToUInt64(payload, seed ^^^ (row + 1L)))

    static let startOf (textBytes: int) = (int64 (fixedBytes + textBytes) + page - 1L) / page * page

    static let headerOf (key: string) (form: RowForm) : byte[] =
        let text =
            JsonSerializer.SerializeToUtf8Bytes(
                {|
                    key = key
                    shape = form.Shape
                    channelsLast = form.ChannelsLast
                    bytes = form.Bytes
                |}
            )

        let all = Array.zeroCreate<byte>(int (startOf text.Length))
        magic.CopyTo(all, 0)
        BinaryPrimitives.WriteInt32LittleEndian(Span(all, 8, 4), text.Length)
        BinaryPrimitives.WriteUInt64LittleEndian(Span(all, 12, 8), XxHash3.HashToUInt64(ReadOnlySpan text))
        text.CopyTo(all, fixedBytes)
        all

    static let formOf (text: byte[]) (key: string) : RowForm voption =
        use document = JsonDocument.Parse(ReadOnlyMemory text)
        let root = document.RootElement

        if root.GetProperty("key").GetString() <> key then
            ValueNone
        else
            ValueSome
                {
                    Shape = [| for d in root.GetProperty("shape").EnumerateArray() -> d.GetInt64() |]
                    ChannelsLast = root.GetProperty("channelsLast").GetBoolean()
                    Bytes = root.GetProperty("bytes").GetInt32()
                }

    // The header, as far as it is whole and of the key.
    static let readHeader (handle: SafeFileHandle) (key: string) : struct (RowForm * int64) voption =
        let head = Array.zeroCreate<byte> fixedBytes

        if
            RandomAccess.Read(handle, Span head, 0L) < fixedBytes
            || not (head.AsSpan(0, 8).SequenceEqual magic)
        then
            ValueNone
        else
            let length = BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(head, 8, 4))

            if length < 1 || length > mostHeader then
                ValueNone
            else
                let text = Array.zeroCreate<byte> length
                let sum = BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan(head, 12, 8))

                if
                    RandomAccess.Read(handle, Span text, int64 fixedBytes) < length
                    || XxHash3.HashToUInt64(ReadOnlySpan text) <> sum
                then
                    ValueNone
                else
                    match formOf text key with
                    | ValueSome form -> ValueSome(struct (form, startOf length))
                    | ValueNone -> ValueNone

    static let openHandle (path: string) : struct (SafeFileHandle * bool) =
        let share = FileShare.ReadWrite ||| FileShare.Delete

        try
            struct (File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, share), true)
        with :? UnauthorizedAccessException ->
            struct (File.OpenHandle(path, FileMode.Open, FileAccess.Read, share), false)

    /// The bytes of a file that holds so many rows.
    static member Size(form: RowForm, rows: int64) = 2L * page + rows * int64 (form.Bytes + sumBytes)

    /// The file at a path; null where there is none, or one of another key. Raises what the disk says.
    static member Open(path: string, key: string) : RowFile =
        if not (File.Exists path) then
            Unchecked.defaultof<_>
        else
            let struct (handle, writes) = openHandle path

            match readHeader handle key with
            | ValueSome(struct (form, start)) -> new RowFile(handle, path, key, form, start, writes)
            | ValueNone ->
                handle.Dispose()
                Unchecked.defaultof<_>

    /// The file at a path, made for so many rows where there is none of the key and form. Another process that makes it at the same time loses
    /// what it writes into its own. Raises what the disk says.
    static member Make(path: string, key: string, form: RowForm, rows: int64) : RowFile =
        match RowFile.Open(path, key) with
        | found when not (isNull (box found)) && found.Form = form -> found
        | other ->
            if not (isNull (box other)) then
                (other :> IDisposable).Dispose()

            Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
            let temporary = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}"

            try
                (use file = File.Create temporary
                 file.Write(headerOf key form)
                 // Takes no room before it is written; its length says what it may grow to.
                 file.SetLength(RowFile.Size(form, rows)))

                File.Move(temporary, path, true)
            with _ ->
                File.Delete temporary
                reraise ()

            match RowFile.Open(path, key) with
            | made when not (isNull (box made)) -> made
            | _ -> raise (IOException $"'{path}' is not what was written")

    /// What its rows are.
    member _.Form = form

    /// Copies a row; whether it is there.
    member _.Read(row: int64, target: Span<byte>) : bool =
        if RandomAccess.Read(handle, Span buffer, start + row * int64 stride) < stride then
            false
        else
            let payload = ReadOnlySpan(buffer, 0, form.Bytes)

            let sum =
                BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan(buffer, form.Bytes, sumBytes))

            if sum = 0UL || sum <> sumOf row payload then
                false
            else
                payload.CopyTo target
                true

    /// Writes a row. Raises what the disk says; the row is not there then.
    member _.Write(row: int64, payload: ReadOnlySpan<byte>) =
        if not writes then
            raise (UnauthorizedAccessException $"'{path}' may not be written")

        payload.CopyTo(Span buffer)
        BinaryPrimitives.WriteUInt64LittleEndian(Span(buffer, form.Bytes, sumBytes), sumOf row payload)
        RandomAccess.Write(handle, ReadOnlySpan buffer, start + row * int64 stride)

    interface IDisposable with
        member _.Dispose() = handle.Dispose()
