namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Text.Json.Nodes

/// What a data set's inputs are.
type InputKind =
    /// uint8 or float images [C, H, W].
    | Image = 0
    /// Token ids [L].
    | Tokens = 1

/// What a data set holds: enough to build networks for it and to check a recipe before it runs.
/// kind: what inputs are. inputShape: without the batch dimension, [-1] for sequences. target: what targets are.
/// classes: the number of classes, 0 where there are none. classNames: as many names, or none.
/// mean, std: per channel, of values in [0, 1]; empty where unknown. vocabulary: token texts by id; empty for images.
/// An object initialiser adds EndToken, Resize and Doubts.
[<Sealed; AllowNullLiteral>]
type DataInfo
    (
        kind: InputKind,
        inputShape: IReadOnlyList<int64>,
        target: TargetKind,
        classes: int64,
        classNames: IReadOnlyList<string>,
        mean: IReadOnlyList<double>,
        std: IReadOnlyList<double>,
        vocabulary: IReadOnlyList<string>
    ) =

    /// What inputs are.
    member _.Kind = kind

    /// Without the batch dimension, such as [3, 32, 32]; [-1] for sequences.
    member _.InputShape = inputShape

    /// What targets are.
    member _.Target = target

    /// The number of classes, 0 where there are none.
    member _.Classes = classes

    /// One name per class, or empty.
    member _.ClassNames = classNames

    /// Mean per channel of values in [0, 1], or empty.
    member _.Mean = mean

    /// Standard deviation per channel of values in [0, 1], or empty.
    member _.Std = std

    /// The tokens' texts by id; empty for images.
    member _.Vocabulary = vocabulary

    /// The id of the token that ends a text; -1 where none does.
    member val EndToken = -1L with get, set

    /// How images of other sizes are brought to this one, in the data set's own words; empty where they are not.
    member val Resize = "" with get, set

    /// What is doubtful about the data, in whole sentences, such as images that stand in two splits: runs, checks, evaluations and
    /// tools warn of it.
    member val Doubts: IReadOnlyList<string> = [||] with get, set

/// Samples by number. Reading is a pure function of the numbers: any thread, any order, the same bytes.
[<AllowNullLiteral>]
type IDataSource =

    /// The number of samples, at least 1.
    abstract Count: int64

    /// The samples of these numbers, on the CPU, in this order. Images come as uint8 [B, C, H, W] or as float in [0, 1];
    /// the engine converts. Called from several threads at once. Raises KDP04xx for a sample that cannot be read. What it gives
    /// is looked at: one sample for each number, Batch.Indices as asked, shape, target and classes as DataInfo says
    /// (KDP0405, KDP0760 to KDP0766).
    abstract Read: indices: ReadOnlyMemory<int64> -> Batch

/// A source that knows its samples' classes without reading them, so that a part of it can be chosen by class.
type ILabelledSource =
    inherit IDataSource

    /// The class of a sample, from 0 to Count - 1; any number that is the same for samples that belong together.
    abstract ClassOf: index: int64 -> int64

/// An opened data set.
[<AllowNullLiteral>]
type IDataset =
    inherit IDisposable

    /// What it holds.
    abstract Info: DataInfo

    /// The splits that it has, such as train and test.
    abstract Splits: IReadOnlyCollection<string>

    /// The samples of a split. Raises KDP04xx where there is no such split.
    abstract Open: split: string -> IDataSource

    /// SHA-256 over what the samples are made from, in lower-case hexadecimal: the same data, the same text.
    abstract Fingerprint: string

/// Opens a data set.
type IDatasetPlugin =
    inherit IPlugin

    /// Opens it. baseFolder: what relative paths in the options are relative to (the recipe's folder).
    abstract Open: baseFolder: string -> IDataset

/// A data set plugin that knows data of its form when it sees them: for people who have data and no recipe yet.
type IRecognisesData =
    inherit IDatasetPlugin

    /// The options that open what lies at a path, without those that keep their defaults; null where that is nothing of this
    /// plugin's. It looks at names, beginnings and a few samples; whether all of it can be read shows when it is opened, and that
    /// it looks like this plugin's and is damaged is no reason for null. The plugin is not configured. Other plugins may know the
    /// same path.
    /// path: an absolute one, of a file or a folder that exists.
    abstract Recognise: path: string -> JsonObject

/// What a network has to fit.
/// inputShape: see NetworkShape.Input. classes: outputs of the main head. data: what the run's main data set holds.
/// baseFolder: what relative paths in the options are relative to (the recipe's folder); without one, the current folder.
[<Sealed>]
type ModelRequest(inputShape: IReadOnlyList<int64>, classes: int64, data: DataInfo, baseFolder: string) =

    /// For networks that are made of no file.
    new(inputShape, classes, data) = ModelRequest(inputShape, classes, data, "")

    /// The input without the batch dimension.
    member _.InputShape = inputShape

    /// The number of outputs of the main head.
    member _.Classes = classes

    /// What the run's main data set holds.
    member _.Data = data

    /// The absolute place of a path that an option writes.
    member _.PathOf(path: string) =
        System.IO.Path.GetFullPath(path, System.IO.Path.GetFullPath(if baseFolder = "" then "." else baseFolder))

/// Makes networks of one architecture.
type IModelPlugin =
    inherit IPlugin

    /// A new network on the CPU in float32, its weights drawn from libtorch's default generator, which the engine has
    /// seeded. Raises KDP03xx where the architecture cannot take the input.
    abstract Create: request: ModelRequest -> INetwork
