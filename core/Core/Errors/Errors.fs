namespace KdPlugins.Core

open System.Collections.Generic
open TorchSharp
open KdPlugins.Torch

type internal Tensor = torch.Tensor

/// The failures of the core: recipes and options (02), shapes and composition (03), data (04), training (07).
/// Runs and checkpoints (06) have their own list beside the code that writes them.
[<AbstractClass; Sealed>]
type CoreErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    /// A strategy, loss or augmentation asked for a role that the recipe does not fill.
    static member val RoleMissing = entry "KDP0301" "a role has no model" "Add the role under \"models\" in the recipe."

    /// A loss asked for a tap that the network does not publish.
    static member val TapMissing = entry "KDP0302" "a network has no such tap" "Name one of the taps listed above."

    /// Two shapes that have to agree do not.
    static member val ShapesDiffer =
        entry "KDP0303" "shapes do not fit together" "Change the model or the option named above so that both agree."

    /// A target of one kind was given where another is needed.
    static member val TargetKind =
        entry "KDP0304" "a target is of another kind" "Use a data set, or a loss, of the kind named above."

    /// A strategy asked for a data source that the recipe does not name.
    static member val SourceMissing =
        entry "KDP0305" "a data source is missing" "Add the source under \"sources\" in the recipe."

    /// Parts that cannot work together were put together.
    static member val WrongCombination =
        entry "KDP0306" "a combination has no meaning" "Change one of the parts named above."

    /// A plugin was used before its options were set.
    static member val NotConfigured =
        entry "KDP0307" "a plugin was used before it was configured" "Create plugins through the host or the test kit."

    /// A source has no samples, or a split leaves none.
    static member val NoSamples =
        entry "KDP0310" "a source has too few samples" "Take more samples, or keep fewer of them apart."

    /// Gradients are accumulated, and a step draws its batches where they would not be exchanged.
    static member val NotAccumulated =
        entry
            "KDP0311"
            "a strategy cannot accumulate gradients"
            "Set \"accumulate\" to 1, or draw batches inside of the objective that Update is given."

    /// An augmentation is made for other values than it gets (see IValueRangeAugmentation).
    static member val ValueRange =
        entry
            "KDP0330"
            "an augmentation gets values that it is not made for"
            "Put it before the one that changed the values, or take one of the two out."

    /// A strategy needs two roles that differ, and is given one for both (see IDistillationStrategy.Needs).
    static member val RoleTwice =
        entry "KDP0331" "one role is two things that have to differ" "Name another role, with a network of its own."

    /// A strategy without a teacher computes losses that need one.
    static member val NobodyTeaches =
        entry
            "KDP0332"
            "a loss needs a teacher, and the strategy has none"
            "Take a strategy with a teacher, such as 'offline', or give the phase losses that need none, such as 'cross-entropy'."

    /// What a run holds does not fit into the machine's memory.
    static member val Memory =
        entry
            "KDP0333"
            "a run needs more memory than there is"
            "Lower training.batchSize or evaluation.batchSize, take a smaller bank or network, or a machine with more memory."

    /// A recipe has answers replayed to views that follow from more than their samples (see ISampleWiseAugmentation).
    static member val NotReplayable =
        entry
            "KDP0334"
            "what a teacher answers to these views cannot be replayed"
            "Take the augmentation out of \"shared\" and of the roles that \"teacherCache.roles\" names (a student's own may be any), or take \"teacherCache\" out."

    /// The answers that a recipe has stored take more than it allows.
    static member val CacheTooLarge =
        entry
            "KDP0335"
            "a teacher's answers take more room than they may"
            "Raise \"teacherCache.maxGigabytes\", or store less: fewer \"views\", \"values\": \"bf16\" or \"int8\", \"topLogits\"; or delete answers in the folder that nobody needs."

    /// libtorch computes a layer of a run's networks wrongly on this processor.
    static member val WrongLayers =
        entry
            "KDP0336"
            "this processor computes a network's layers wrongly"
            "\"wrongLayers\": \"route\" in the recipe computes them as products of matrices where those are right; 'kd doctor --again' tries the processor's instructions anew; ONEDNN_MAX_CPU_ISA=SSE41 is slow and seldom wrong; another libtorch is taken from KD_LIBTORCH; \"wrongLayers\": \"warn\" in the recipe (--set wrongLayers=warn) goes on all the same, unless a layer ends the process."

    /// No meter takes the targets of a source that is evaluated.
    static member val NoMeter =
        entry
            "KDP0370"
            "nothing measures targets of this kind"
            "Name a meter that takes them under \"evaluation.meters\"; where none is installed, put a plugin that has one into the plugin folder."

    /// Two meters of a recipe give values of one name.
    static member val MeterClash =
        entry "KDP0371" "two meters give a value of one name" "Leave one of the two out of \"evaluation.meters\"."

    /// A recipe names no meter, and several take its targets.
    static member val MeterChoice =
        entry
            "KDP0372"
            "several meters could measure these targets"
            "Name the one that is to do it under \"evaluation.meters\"."

    /// No meter gives the value that a recipe chooses the best state by.
    static member val BestUnknown =
        entry
            "KDP0373"
            "nothing gives the value that is to choose the best state, or that early stopping looks at"
            "Set \"evaluation.best\", or \"training.earlyStopping.value\", to a value named above, or name the meter that gives it under \"evaluation.meters\"."

    /// A meter states nothing, or gives what it has not stated.
    static member val MeterFault =
        entry "KDP0374" "a meter breaks its contract" "The plugin's author has to correct the meter."

    /// A label lies outside of the classes that a network answers with.
    static member val NoClass =
        entry
            "KDP0375"
            "a target is no class of the network's"
            "Correct the data set's labels, or give the network as many classes as the data have."

    /// A pattern of parameters' names fits none.
    static member val NoParameters =
        entry
            "KDP0376"
            "a pattern fits no parameter"
            "Name a module or a parameter of the network, such as one named above; * is any part of a name."

    /// What a tool was told makes no sense.
    static member val ToolArguments =
        entry "KDP0380" "the arguments of a tool cannot be understood" "Add --help to the command to see what it takes."

    /// What a tool was given to read lacks what it needs.
    static member val ToolInput =
        entry
            "KDP0381"
            "a file that a tool was given lacks what it needs"
            "Name another file, or a run that has what is named above."

    /// A tool gives what cannot be shown, or takes an option that every command has.
    static member val ToolFault =
        entry "KDP0382" "a tool breaks its contract" "The plugin's author has to correct the tool."

    /// What the engine does between a step's own draws has moved libtorch's default generators (see DrawCheck).
    static member val DrewOutside =
        entry
            "KDP0720"
            "a default generator was drawn from outside of a step's own work"
            "Make it without drawing, as FrozenConv2d and FrozenLinear do, or draw from the random key that is handed over."

    /// Every entry of the core.
    static member All: IReadOnlyList<ErrorCode> = entries

/// Raises a catalogue entry with what was found.
module internal Fail =
    let error (code: ErrorCode) (detail: string) : 'a = raise (KdException(code, detail))
