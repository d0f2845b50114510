namespace KdPlugins.Core

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.IO
open System.Numerics
open System.Text
open KdPlugins.Torch

/// The record framing of TFRecord files: length, masked CRC32C of the length, data, masked CRC32C of the data; numbers
/// are little-endian. Source: the TFRecord note of TensorFlow's Python I/O guide.
module internal TfRecord =

    let private headerBytes = 12
    let private footerBytes = 4

    /// CRC32C rotated right by 15 bits plus a constant, so that a CRC of bytes that hold CRCs stays a good one.
    let maskedCrc (bytes: ReadOnlySpan<byte>) =
        let mutable crc = UInt32.MaxValue

        for b in bytes do
            crc <- BitOperations.Crc32C(crc, b)

        BitOperations.RotateRight(~~~crc, 15) + 0xa282ead8u

    /// The bytes of a record.
    let frame (data: byte[]) =
        let record = Array.zeroCreate<byte>(headerBytes + data.Length + footerBytes)
        let span = Span record
        BinaryPrimitives.WriteUInt64LittleEndian(span, uint64 data.Length)
        BinaryPrimitives.WriteUInt32LittleEndian(span.Slice 8, maskedCrc (Span.op_Implicit (span.Slice(0, 8))))
        data.CopyTo(record, headerBytes)
        BinaryPrimitives.WriteUInt32LittleEndian(span.Slice(headerBytes + data.Length), maskedCrc (ReadOnlySpan data))
        record

    /// The data of the next record; null at the end, or where what follows is torn or damaged.
    let tryRead (stream: Stream) : byte[] =
        let header = Array.zeroCreate<byte> headerBytes

        if stream.ReadAtLeast(Span header, headerBytes, false) < headerBytes then
            null
        else
            let length = BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan header)
            let crc = BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan(header, 8, 4))
            let left = stream.Length - stream.Position - int64 footerBytes

            if
                crc <> maskedCrc (ReadOnlySpan(header, 0, 8))
                || left < 0L
                || length > uint64 left
            then
                null
            else
                let data = Array.zeroCreate<byte>(int length)
                stream.ReadExactly(Span data)
                let footer = Array.zeroCreate<byte> footerBytes
                stream.ReadExactly(Span footer)

                if BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan footer) = maskedCrc (ReadOnlySpan data) then
                    data
                else
                    null

/// The part of TensorFlow's Event message that is needed, in protocol buffer encoding.
module internal TfEvent =

    let private varint (buffer: MemoryStream) (value: uint64) =
        let mutable rest = value

        while rest >= 0x80UL do
            buffer.WriteByte(byte rest ||| 0x80uy)
            rest <- rest >>> 7

        buffer.WriteByte(byte rest)

    let private lengthDelimited (buffer: MemoryStream) (field: int) (bytes: byte[]) =
        varint buffer (uint64 ((field <<< 3) ||| 2))
        varint buffer (uint64 bytes.Length)
        buffer.Write(bytes, 0, bytes.Length)

    let private number (buffer: MemoryStream) (field: int) (value: uint64) =
        varint buffer (uint64 (field <<< 3))
        varint buffer value

    let private message (write: MemoryStream -> unit) =
        use buffer = new MemoryStream()
        write buffer
        buffer.ToArray()

    // Event: 1 double wall_time, 2 int64 step, 3 string file_version, 5 Summary.
    let private event (time: DateTimeOffset) (step: int64) (field: int) (content: byte[]) =
        message (fun buffer ->
            buffer.WriteByte 0x09uy
            buffer.Write(BitConverter.GetBytes(float (time.ToUnixTimeMilliseconds()) / 1000.0), 0, 8)
            number buffer 2 (uint64 step)
            lengthDelimited buffer field content)

    let version time = event time 0L 3 (Encoding.UTF8.GetBytes "brain.Event:2")

    // Summary: 1 repeated Value. Value: 1 string tag, 2 float simple_value, 4 Image.
    let private value (summary: MemoryStream) (tag: string) (write: MemoryStream -> unit) =
        lengthDelimited
            summary
            1
            (message (fun buffer ->
                lengthDelimited buffer 1 (Encoding.UTF8.GetBytes tag)
                write buffer))

    let scalars time step (values: IReadOnlyDictionary<string, double>) =
        let summary =
            message (fun summary ->
                for entry in values do
                    value summary entry.Key (fun buffer ->
                        buffer.WriteByte 0x15uy
                        buffer.Write(BitConverter.GetBytes(float32 entry.Value), 0, 4)))

        event time step 5 summary

    // Image: 1 height, 2 width, 3 colorspace (3 is RGB), 4 encoded image.
    let image time step (tag: string) (width: int) (height: int) (png: byte[]) =
        let content =
            message (fun buffer ->
                number buffer 1 (uint64 height)
                number buffer 2 (uint64 width)
                number buffer 3 3UL
                lengthDelimited buffer 4 png)

        event time step 5 (message (fun summary -> value summary tag (fun buffer -> lengthDelimited buffer 4 content)))

    /// The step of an event that this module wrote.
    let step (data: byte[]) =
        if data.Length < 11 || data[0] <> 0x09uy || data[9] <> 0x10uy then
            0L
        else
            let mutable at = 10
            let mutable shift = 0
            let mutable found = 0UL

            while at < data.Length && shift < 64 do
                found <- found ||| (uint64 (data[at] &&& 0x7fuy) <<< shift)
                shift <- if data[at] < 0x80uy then 64 else shift + 7
                at <- at + 1

            int64 found

/// Writes a run's scalars and images where TensorBoard finds them: one event file in the run's folder "tensorboard".
/// Every record is written at once, so that a process that dies leaves a file that can be read. One writer at a time;
/// write from any thread.
[<Sealed; AllowNullLiteral>]
type TensorBoardWriter private (path: string, files: IRunFiles, time: TimeProvider, stream: Stream) =

    static let pattern = "events.out.tfevents.*"

    static let pngSignature =
        [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]

    let gate = obj ()
    let mutable whole = stream.Length

    let write (record: byte[]) =
        lock gate (fun () ->
            RunIo.guard "Writing TensorBoard events" path (fun () ->
                // What a failed write left behind the last whole record.
                if stream.Length <> whole then
                    files.Cut(stream, whole)

                stream.Write(record, 0, record.Length)
                whole <- stream.Length))

    /// The length of the whole records of a file up to the first of a later step.
    static let wholeUntil (path: string) (lastStep: int64) =
        if not (File.Exists path) then
            0L
        else
            use file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)
            let mutable good = 0L
            let mutable go = true

            while go do
                match TfRecord.tryRead file with
                | null -> go <- false
                | data when TfEvent.step data > lastStep -> go <- false
                | _ -> good <- file.Position

            good

    static let openAt (folder: RunFolder) (lastStep: int64) =
        let root, files, time = folder.TensorBoardPath, folder.Files, folder.Time

        RunIo.guard "Opening the TensorBoard file" root (fun () ->
            files.CreateFolder root

            let path =
                match Directory.GetFiles(root, pattern) |> Array.sort |> Array.tryLast with
                | Some existing -> existing
                | None ->
                    let seconds = time.GetUtcNow().ToUnixTimeSeconds()
                    Path.Combine(root, $"events.out.tfevents.{seconds:D10}.{Environment.MachineName}")

            let good = wholeUntil path lastStep
            let stream = files.OpenEnd path

            try
                if stream.Length > good then
                    files.Cut(stream, good)

                let writer = new TensorBoardWriter(path, files, time, stream)

                if good = 0L then
                    writer.Start()

                writer
            with _ ->
                stream.Dispose()
                reraise ())

    /// Opens the file of a new run, or goes on behind what is there. Raises KDP0603 to KDP0605.
    static member Open(folder: RunFolder) : TensorBoardWriter = openAt folder Int64.MaxValue

    /// Opens the file of a run that goes on: everything from the first record of a step later than the given one goes, so
    /// that no step appears twice. step: steps done in the whole run; -1 to start anew. Raises KDP0603 to KDP0605.
    static member Resume(folder: RunFolder, step: int64) : TensorBoardWriter = openAt folder step

    /// The event file.
    member _.FilePath = path

    member private _.Start() = write (TfRecord.frame (TfEvent.version (time.GetUtcNow())))

    /// Writes numbers of a step, as float32; NaN and infinities included. Raises KDP0603 to KDP0605; what was there before
    /// is intact.
    member _.Scalars(step: int64, values: IReadOnlyDictionary<string, double>) =
        if values.Count > 0 then
            write (TfRecord.frame (TfEvent.scalars (time.GetUtcNow()) step values))

    /// Writes an image of a step. png: an encoded PNG. Raises KDP0004 for other bytes, KDP0603 to KDP0605.
    member _.Image(step: int64, tag: string, png: byte[]) =
        if
            png.Length < 24
            || not (ReadOnlySpan(png, 0, 8).SequenceEqual(ReadOnlySpan pngSignature))
        then
            Fail.error TorchErrors.BadArgument $"The image '{tag}' of step {step} is no PNG."

        let width = BinaryPrimitives.ReadInt32BigEndian(ReadOnlySpan(png, 16, 4))
        let height = BinaryPrimitives.ReadInt32BigEndian(ReadOnlySpan(png, 20, 4))
        write (TfRecord.frame (TfEvent.image (time.GetUtcNow()) step tag width height png))

    /// Closes the file.
    member _.Dispose() = stream.Dispose()

    interface IDisposable with
        member this.Dispose() = this.Dispose()
