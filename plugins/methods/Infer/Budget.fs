namespace KdPlugins.Infer

open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Torch

/// What a set of compensated images costs and gives. Bytes are those of the files: images and compensators in 8 bits, two
/// float32 per compensator and channel for its range, labels as float32; the classes of natural images follow from their
/// order and cost nothing.
/// classes: C. compensators: M, for each natural image of a class. natural: P, natural images per class.
/// image: channels, height, width. labelled: whether the labels of all instances are stored.
[<Sealed>]
type Budget(classes: int64, compensators: int64, natural: int64, image: IReadOnlyList<int64>, labelled: bool) =

    static let floatBytes = 4L

    static let bytesOf (image: IReadOnlyList<int64>) = image |> Seq.fold (fun n d -> n * d) 1L

    static let rangeBytes (image: IReadOnlyList<int64>) = 2L * floatBytes * image[0]

    /// C.
    member _.Classes = classes

    /// M.
    member _.CompensatorsPerImage = compensators

    /// P: natural images per class.
    member _.Natural = natural

    /// P C: the natural images that are stored.
    member _.Images = natural * classes

    /// P M: the compensators that are stored.
    member _.Compensators = natural * compensators

    /// N = C P (M + 1): what a student learns from.
    member _.Instances = classes * natural * (compensators + 1L)

    /// P (M + 1).
    member _.InstancesPerClass = natural * (compensators + 1L)

    /// P (C + M): what the paper's formula counts, images and compensators alike.
    member this.Stored = this.Images + this.Compensators

    /// The bytes of all stored labels.
    member this.LabelBytes =
        if labelled then
            floatBytes * classes * this.Instances
        else
            0L

    /// The bytes of everything that is stored.
    member this.Bytes =
        let image8 = bytesOf image

        this.Images * image8
        + this.Compensators * (image8 + rangeBytes image)
        + this.LabelBytes

    /// The bytes of everything, as a number of 8-bit images per class.
    member this.ImagesPerClass = float this.Bytes / float (bytesOf image * classes)

    /// The largest set within a budget of stored images per class (ipc): P = floor(ipc C / (C + M)) (the paper's
    /// P = floor(ipc / (M / C + 1)) in whole numbers). countLabels: labels and ranges count too, by their bytes.
    /// Raises KDP0306 where not even one natural image per class fits.
    [<Formula("budget", Description = "the largest set within a budget of stored images per class")>]
    static member Within
        (
            imagesPerClass: int64,
            classes: int64,
            compensators: int64,
            image: IReadOnlyList<int64>,
            labelled: bool,
            countLabels: bool
        ) : Budget =
        let one = Budget(classes, compensators, 1L, image, labelled)
        let have = imagesPerClass * classes

        let natural =
            if countLabels then
                have * bytesOf image / one.Bytes
            else
                have / one.Stored

        if natural < 1L then
            let each =
                if countLabels then
                    one.ImagesPerClass
                else
                    float one.Stored / float classes

            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"Strategy 'infer' has a budget of {imagesPerClass} images per class; one natural image per class with "
                    + $"{compensators} compensators takes {each:F2}.",
                    "Raise \"imagesPerClass\" or take fewer \"teachers\"."
                )
            )

        Budget(classes, compensators, natural, image, labelled)

    /// The counts, for a card that says the bytes itself.
    member this.Describe() : IReadOnlyList<KeyValuePair<string, string>> =
        [|
            KeyValuePair("natural-images", string this.Images)
            KeyValuePair("compensators", string this.Compensators)
            KeyValuePair("instances", string this.Instances)
        |]
