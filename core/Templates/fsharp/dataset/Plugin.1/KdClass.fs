namespace Plugin._1

open System
open System.ComponentModel.DataAnnotations
open System.Security.Cryptography
open System.Text
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch
open TorchSharp

/// The options of the data set "plugin-id-1".
[<Sealed; AllowNullLiteral>]
type KdClassOptions() =

    /// Images of the split "train", 1 to 10,000,000. Default: 2048.
    [<Range(1, 10000000)>]
    member val Train = 2048 with get, set

    /// Images of the split "test", 1 to 10,000,000. Default: 512.
    [<Range(1, 10000000)>]
    member val Test = 512 with get, set

    /// Height and width in pixels, 8 to 512. Default: 32.
    [<Range(8, 512)>]
    member val Size = 32 with get, set

    /// Which images are drawn. Default: 0.
    member val Seed = 0L with get, set

module internal Stripes =
    let names = [| "level"; "rising"; "upright"; "falling" |]

    let paint size (direction: int64) (random: SeededRandom) (pixels: Span<byte>) =
        let angle = float direction * Math.PI / float names.Length
        let x, y = sin angle, cos angle
        let frequency = random.NextUniform(0.8, 1.6)
        let phase = random.NextUniform(0.0, 2.0 * Math.PI)

        for p in 0 .. pixels.Length - 1 do
            let wave = sin (frequency * (x * float (p % size) + y * float (p / size)) + phase)
            let grey = 0.5 + 0.35 * wave + random.NextUniform(-0.25, 0.25)
            pixels[p] <- byte (Math.Clamp(grey * 255.0, 0.0, 255.0))

/// The images of a split. An image follows from its number alone, so any thread may read any of them.
type internal StripeSource(count: int64, size: int, key: RandomKey) =
    interface IDataSource with
        member _.Count = count

        member _.Read indices =
            let numbers = indices.ToArray()
            let area = size * size
            let pixels = Array.zeroCreate<byte>(numbers.Length * area)
            let labels = numbers |> Array.map (fun n -> n % int64 Stripes.names.Length)

            for i in 0 .. numbers.Length - 1 do
                let random = SeededRandom((key.Derive numbers[i]).Value)
                Stripes.paint size labels[i] random (pixels.AsSpan(i * area, area))

            use flat = torch.tensor pixels
            // [batch, 1, size, size], uint8
            let images = flat.view(int64 numbers.Length, 1L, int64 size, int64 size).clone()
            Batch(images, ClassIndexTarget(torch.tensor labels), torch.tensor numbers)

/// Grey stripes in four directions, with a width, a phase and noise of their own; the class is the direction.
[<Sealed;
  KdDataset("plugin-id-1", Version = "1.0.0", Description = "Stripes in four directions, drawn as they are read")>]
type KdClassDataset() =
    inherit DatasetPlugin<KdClassOptions>()

    override this.Open _ =
        let options = this.Options
        let splits = [| "train"; "test" |]
        let names = Stripes.names
        let shape = [| 1L; int64 options.Size; int64 options.Size |]

        // Mean and deviation were measured by ChannelStatistics of KdPlugins.Testing, over 2048 images.
        let info =
            DataInfo(
                InputKind.Image,
                shape,
                TargetKind.ClassIndex,
                int64 names.Length,
                names,
                [| 0.498 |],
                [| 0.282 |],
                [||]
            )

        // All that the images are made from. Of files, hash their contents.
        let made =
            $"plugin-id-1 1 {options.Train} {options.Test} {options.Size} {options.Seed}"

        let source count (split: string) =
            StripeSource(int64 count, options.Size, (RandomKey(uint64 options.Seed)).Derive split) :> IDataSource

        { new IDataset with
            member _.Info = info
            member _.Splits = splits

            member _.Fingerprint =
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes made))

            /// Raises KDP0402 where there is no such split.
            member _.Open split =
                match split with
                | "train" -> source options.Train split
                | "test" -> source options.Test split
                | _ ->
                    let known = String.Join(", ", splits)

                    raise (
                        KdException(
                            DataErrors.SplitMissing,
                            $"Data set 'plugin-id-1' has no split '{split}'; it has: {known}."
                        )
                    )

            member _.Dispose() = ()
        }
