namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp

/// A number that a meter gives.
/// name: in kebab-case, unique among the values of a run. unit: MeterValue.Share for a part of one, which people see as per
/// cent; else what stands behind the number, such as "nats"; may be empty. An object initialiser changes IsBasic.
[<Sealed>]
type MeterValue(name: string, unit: string, higherIsBetter: bool) =

    /// The unit of a part of one.
    static member Share = "share"

    /// In kebab-case.
    member _.Name = name

    /// MeterValue.Share, what stands behind the number, or empty.
    member _.Unit = unit

    /// The direction.
    member _.HigherIsBetter = higherIsBetter

    /// Whether it is given also where the recipe says nothing of meters and the meter measures by default.
    member val IsBasic = true with get, set

/// What a report draws for a meter; one of the sealed classes below.
/// name: in kebab-case, unique among a meter's. title: for people, without the network's name.
[<AbstractClass>]
type Drawing internal (name: string, title: string) =

    /// In kebab-case.
    member _.Name = name

    /// For people.
    member _.Title = title

/// A bar per class. values: as many as labels, NaN where there is nothing to measure. unit: see MeterValue.
[<Sealed>]
type BarsDrawing
    (name: string, title: string, unit: string, labels: IReadOnlyList<string>, values: IReadOnlyList<double>) =
    inherit Drawing(name, title)

    /// See MeterValue.
    member _.Unit = unit

    /// What each bar is about.
    member _.Labels = labels

    /// The bars' lengths; NaN for none.
    member _.Values = values

/// Counts [classes, classes]: rows are true classes, columns what the network said.
[<Sealed>]
type MatrixDrawing(name: string, title: string, counts: IReadOnlyList<IReadOnlyList<int64>>) =
    inherit Drawing(name, title)

    /// Rows are true classes.
    member _.Counts = counts

/// A line of a CurveDrawing. x, y: as many of one as of the other, finite.
[<Sealed>]
type CurveLine(name: string, x: IReadOnlyList<double>, y: IReadOnlyList<double>) =

    /// In the legend.
    member _.Name = name

    /// To the right.
    member _.X = x

    /// Upwards.
    member _.Y = y

/// Lines over one axis, such as a reliability diagram. unit: of what runs upwards; see MeterValue.
[<Sealed>]
type CurveDrawing
    (name: string, title: string, xName: string, yName: string, unit: string, lines: IReadOnlyList<CurveLine>) =
    inherit Drawing(name, title)

    /// What runs to the right.
    member _.XName = xName

    /// What runs upwards.
    member _.YName = yName

    /// Of what runs upwards.
    member _.Unit = unit

    /// At least one.
    member _.Lines = lines

/// Pictures side by side, a row for each sample, such as an image, its label map and what a network made of it.
/// columns: what stands in each column. width, height: of every picture, in pixels. rows: one picture for each column, red, green,
/// blue of each pixel, row by row. Reports hold all of it: a few small pictures.
[<Sealed>]
type PicturesDrawing
    (
        name: string,
        title: string,
        columns: IReadOnlyList<string>,
        width: int,
        height: int,
        rows: IReadOnlyList<IReadOnlyList<byte[]>>
    ) =
    inherit Drawing(name, title)

    /// What stands in each column.
    member _.Columns = columns

    /// Pixels.
    member _.Width = width

    /// Pixels.
    member _.Height = height

    /// One picture of 3 * width * height bytes for each column.
    member _.Rows = rows

/// What a meter measures.
/// data: what the source holds, the main data set's where a strategy added the source.
[<Sealed>]
type MeterBinding(network: INetwork, data: DataInfo, device: torch.Device) =

    /// The network; its Shape.Classes is the length of an answer.
    member _.Network = network

    /// What the evaluated source holds.
    member _.Data = data

    /// Where outputs and batches are.
    member _.Device = device

    /// Names of so many classes: the data set's where it names as many, else their numbers.
    member _.Names(classes: int) : IReadOnlyList<string> =
        if data.ClassNames.Count = classes then
            data.ClassNames
        else
            Array.init classes string

/// What a meter has found. values: by name, of those that the meter states; one that means nothing for this data, such as a
/// top 5 of three classes, may be left out. drawings: may be empty.
[<Sealed>]
type MeterReading(values: IReadOnlyDictionary<string, double>, drawings: IReadOnlyList<Drawing>) =

    /// By name.
    member _.Values = values

    /// For the report.
    member _.Drawings = drawings

/// One evaluation of one network by one meter. The same samples give the same numbers, however they are cut into batches,
/// up to the rounding of sums.
[<AllowNullLiteral>]
type IMeasurement =
    inherit IDisposable

    /// Adds a batch; both are on the device, in float32, without graph. Sums stay on the device: whatever reads a value back
    /// here makes the device wait once a batch. Tensors made here die after the batch; what is kept is changed in place, or
    /// taken out of the dispose scope and disposed by Dispose. Raises KDP0375 at the latest when it is read for targets that
    /// are no class of the network's.
    abstract Add: output: ModelOutput * batch: Batch -> unit

    /// What was found in all batches; called once, after at least one batch.
    abstract Read: unit -> MeterReading

/// Measures networks.
[<AllowNullLiteral>]
type IMeter =
    inherit IPlugin

    /// The kinds of target that it takes.
    abstract Targets: IReadOnlyCollection<TargetKind>

    /// Everything that it may give, under the options it has; at least one. The first says most: tables show it.
    abstract Values: IReadOnlyList<MeterValue>

    /// The value that chooses the best state where the recipe names none.
    abstract Chooser: string

    /// Whether it measures targets of its kinds where the recipe names no meter.
    abstract IsDefault: bool

    /// The taps that it needs of a network.
    abstract Taps: shape: NetworkShape -> IReadOnlyCollection<string>

    /// Begins an evaluation. Raises KDP03xx for a network that it cannot measure.
    abstract Begin: binding: MeterBinding -> IMeasurement
