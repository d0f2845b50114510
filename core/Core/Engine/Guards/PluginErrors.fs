namespace KdPlugins.Core

open System.Collections.Generic
open KdPlugins.Torch

/// The failures of plugins at work: what their code raises, and what it must not do.
[<AbstractClass; Sealed>]
type PluginErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    /// An exception came out of a plugin's code.
    static member val Failed =
        entry
            "KDP0740"
            "a plugin's code failed"
            "Mend the plugin at the place named above, or tell its author; --verbose shows the whole trace."

    /// A plugin returned null.
    static member val Nothing =
        entry "KDP0741" "a plugin gave nothing where a value is needed" "Return a value there; null stands for nothing."

    /// A step updates a trainable that the stage does not list, or its loss reaches a module that no stage trains.
    static member val NotListed =
        entry
            "KDP0742"
            "a step trains what its stage does not list"
            "Name everything that the stage trains in its Trainables: only that is in checkpoints, and comes back on a resume."

    /// A step returned before its work was done.
    static member val Asynchronous =
        entry
            "KDP0743"
            "a step is asynchronous"
            "Make the step do its work before it returns: no async, no await, no Task.Run."

    /// A context was used on another thread, or after its step.
    static member val Misused =
        entry
            "KDP0744"
            "a step's context was used outside of its step"
            "Use the context on the thread that calls the step, and only until the step returns; the next step has its own."

    /// A step went backward itself, and nobody steps.
    static member val NotStepped =
        entry
            "KDP0745"
            "gradients were made that no optimiser takes"
            "Hand the objective to step.Update, which goes backward and steps; or call step.Apply after an own backward pass."

    /// A stage with trainables made no update.
    static member val NothingTrained =
        entry
            "KDP0746"
            "a stage has trained nothing"
            "Call step.Update in the step, or leave Trainables empty where the stage only measures."

    /// Memory ran out while a plugin was at work; it need not be its fault.
    static member val Memory =
        entry
            "KDP0747"
            "memory ran out"
            "Lower training.batchSize (and raise training.accumulate by as much), or take a smaller model."

    /// Through was called for a role that the stage trains.
    static member val NotFrozen =
        entry
            "KDP0748"
            "a step goes through a network that it trains"
            "Call Forward for roles that the stage trains; Through is for those that it leaves as they are."

    /// A source gave fewer or more samples than numbers.
    static member val OtherCount =
        entry
            "KDP0760"
            "a source gave another number of samples than it was asked for"
            "Read has to give one sample for each number, in their order."

    /// A batch's indices are missing, or not those asked for.
    static member val OtherIndices =
        entry
            "KDP0761"
            "a batch names other samples than it was asked for"
            "Batch.Indices are the numbers that Read was given: int64 [B], on the CPU, in their order."

    /// Floats from 0 to 255 where 0 to 1 is meant.
    static member val OtherRange =
        entry "KDP0762" "a source's values are of another scale" "Divide by 255, or give the images as uint8."

    /// Doubles, or tensors on another device.
    static member val OtherKind =
        entry
            "KDP0763"
            "a batch has another dtype or device than batches have"
            "Convert in Read: images to float32 or uint8, token ids and labels to int64, all on the CPU."

    /// NaN or infinity in a sample.
    static member val ValueNotFinite =
        entry "KDP0764" "a sample has values that are not finite" "Remove the sample, or mend what reads it."

    /// Inputs of another shape than declared, or of several.
    static member val OtherShape =
        entry
            "KDP0765"
            "a batch has another shape than its data set says"
            "Bring all samples to one shape in Read, and say that shape in the data set's Info."

    /// Targets of another kind or with another number of classes than declared.
    static member val OtherTarget =
        entry
            "KDP0766"
            "a batch has other targets than its data set says"
            "Let Info.Target and Info.Classes say what Read gives."

    /// No fingerprint, no shape, no splits, statistics of another scale.
    static member val BadInfo =
        entry
            "KDP0767"
            "a data set describes itself wrongly"
            "Mend what the data set says of itself; whoever trains on it relies on it."

    /// Those that say nothing about the recipe or the plugin's contract: another attempt may go well.
    static member Unforeseen: IReadOnlyList<ErrorCode> =
        [| PluginErrors.Failed; PluginErrors.Memory |]

    /// Every entry.
    static member All: IReadOnlyList<ErrorCode> = entries
