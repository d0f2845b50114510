namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Collections.ObjectModel
open TorchSharp
open TorchSharp.Modules


/// How long a stage is.
[<Struct>]
type StageLength private (amount: int64, inEpochs: bool) =

    /// A number of steps, at least 0.
    static member Steps(count: int64) = StageLength(count, false)

    /// A number of epochs of the stage's main source, at least 0.
    static member Epochs(count: int64) = StageLength(count, true)

    /// The number of steps or epochs.
    member _.Amount = amount

    /// Whether the amount counts epochs.
    member _.InEpochs = inEpochs

    /// The number of steps for a length of an epoch.
    member _.ToSteps(stepsPerEpoch: int64) = if inEpochs then amount * stepsPerEpoch else amount

/// How gradients change parameters. Null or empty where the recipe's own "training" section decides.
[<Sealed; AllowNullLiteral>]
type OptimiserSettings() =

    /// sgd, adam, adamw, lars, lion or muon.
    member val Name = "sgd" with get, set

    /// The learning rate at multiplier 1, above 0.
    member val LearningRate = 0.05 with get, set

    /// Momentum of sgd, lars and muon, in [0, 1).
    member val Momentum = 0.9 with get, set

    /// Nesterov's form of momentum (sgd).
    member val Nesterov = false with get, set

    /// Weight decay, at least 0: added to the gradient (sgd, adam, lars), decoupled (adamw, lion, muon).
    member val WeightDecay = 0.0 with get, set

    /// First moment's decay of adam, adamw, lion and (for biases and norms) muon, in [0, 1).
    member val Beta1 = 0.9 with get, set

    /// Second moment's decay of adam, adamw and muon, the moment's of lion, in [0, 1).
    member val Beta2 = 0.999 with get, set

    /// Added to the denominator of adam, adamw and muon, above 0.
    member val Epsilon = 1e-8 with get, set

    /// The gradients' largest common 2-norm; 0 for no limit.
    member val ClipNorm = 0.0 with get, set

    /// The largest absolute value of a gradient's entry; 0 for no limit.
    member val ClipValue = 0.0 with get, set

    /// Whether parameters of at most one dimension have weight decay too (lars never decays them).
    member val DecayNormsAndBiases = true with get, set

    /// What each layer's learning rate is of the next one's, counted from the output, in (0, 1].
    member val LayerDecay = 1.0 with get, set

    /// Factors on the learning rate, at least 0, by patterns of parameters' names: a module's name, with * for any part.
    member val Rates: IReadOnlyDictionary<string, double> = ReadOnlyDictionary<string, double>.Empty with get, set

/// Parameters that are updated together: one optimiser, one schedule. The engine makes the optimiser, steps it and keeps
/// its state in the checkpoint.
/// name: unique within the run; the checkpoint's key. parameters: by name, unique within the trainable; leaf tensors
/// other than a network's are wrapped as Parameter. optimiser: null for the recipe's. schedule: the learning rate's
/// multiplier by progress; null for the recipe's.
[<Sealed; AllowNullLiteral>]
type Trainable
    (
        name: string,
        parameters: IReadOnlyList<struct (string * Parameter)>,
        optimiser: OptimiserSettings,
        schedule: Func<Progress, double>
    ) =
    let mutable trained = parameters

    /// The key in the checkpoint.
    member _.Name = name

    /// The parameters by name; once the plan is made, without those that the recipe freezes.
    member _.Parameters = trained

    /// Leaves out parameters, by their handles.
    member internal _.Leave(frozen: IReadOnlySet<nativeint>) =
        trained <-
            trained
            |> Seq.filter (fun (struct (_, p)) -> not (frozen.Contains p.Handle))
            |> Seq.toArray

    /// How gradients change them; null for the recipe's choice.
    member _.Optimiser = optimiser

    /// The learning rate's multiplier by progress; null for the recipe's choice.
    member _.Schedule = schedule

    /// All of a module's parameters.
    static member Of(name: string, m: torch.nn.Module, optimiser: OptimiserSettings, schedule: Func<Progress, double>) =
        let parameters =
            m.named_parameters ()
            |> Seq.map (fun struct (n, p) -> struct (n, p))
            |> Seq.toArray

        Trainable(name, parameters, optimiser, schedule)

/// A value of a meter, measured.
[<Sealed>]
type Measure(value: MeterValue, number: double) =

    /// What it is.
    member _.Value = value

    /// The number; finite in an evaluation of the engine's.
    member _.Number = number

/// What an evaluation found.
/// measures: at least one, what says most first. best: the name of the one that says which state is best.
[<Sealed>]
type Evaluation
    (
        role: string,
        source: string,
        samples: int64,
        measures: IReadOnlyList<Measure>,
        best: string,
        drawings: IReadOnlyList<Drawing>
    ) =
    let values =
        measures
        |> Seq.map (fun m -> KeyValuePair(m.Value.Name, m.Number))
        |> Dictionary

    let scoreOf (name: string) =
        let chosen = measures |> Seq.find (fun m -> m.Value.Name = name)

        if chosen.Value.HigherIsBetter then
            chosen.Number
        else
            -chosen.Number

    /// Whose network was evaluated.
    member _.Role = role

    /// On which source.
    member _.Source = source

    /// The number of samples.
    member _.Samples = samples

    /// What the meters found, what says most first.
    member _.Measures = measures

    /// The numbers by name.
    member _.Values: IReadOnlyDictionary<string, double> = values

    /// The same, found of other weights of the network, which have a name of their own.
    member internal _.Of(other: string) = Evaluation(other, source, samples, measures, best, drawings)

    /// What the meters have to show, such as counts by true and predicted class.
    member _.Drawings = drawings

    /// The value that says which state is best, higher is better: the negative number where lower is.
    member _.Score = scoreOf best

    /// The same of another value.
    member internal _.ScoreOf(name: string) = scoreOf name

/// One step of a stage, as its step function sees it. Everything it may use is here: it opens no file, reads no clock,
/// draws from no global generator. It serves its own step alone, on the thread that calls it: anything else is refused with
/// KDP0744. A step that returns before it is done is refused with KDP0743.
type IStepContext =
    inherit IPartContext

    /// Cancelled when the run is to stop; the engine looks between steps, long steps look themselves.
    abstract Cancellation: System.Threading.CancellationToken

    /// The next batch of a source, on the device, before any view's augmentation (shared ones are done).
    /// Where the n-th call of a run begins depends on nothing but n. Raises KDP0305 for an unknown source.
    abstract Next: source: string -> Batch

    /// The samples of these numbers of a source, on the device, images as float in [0, 1], nothing augmented. Takes
    /// nothing from the source's order. Raises KDP0305 for an unknown source.
    abstract Read: source: string * indices: ReadOnlyMemory<int64> -> Batch

    /// A role's view of a batch: the role's own augmentations applied; the batch itself where the role has none.
    abstract View: role: string * batch: Batch -> Batch

    /// A role's view of raw samples as in an evaluation: of the shared and the role's own augmentations those that belong
    /// to evaluations (normalising does), nothing random. With graph to the batch's input.
    abstract EvaluationView: role: string * batch: Batch -> Batch

    /// Runs a role's network with the run's precision, in training mode and with graph where the role is trained in this
    /// stage, without graph and in evaluation mode elsewhere. taps: beyond those the recipe's losses need; may be null.
    abstract Forward: role: string * batch: Batch * taps: IReadOnlyCollection<string> -> ModelOutput

    /// Runs a network that the strategy registered as state (context.NewNetwork), with the run's precision and with graph; its
    /// mode is that of the moment, see Update. taps: may be null. Raises KDP0306 for a network that is not registered.
    abstract Forward: network: INetwork * batch: Batch * taps: IReadOnlyCollection<string> -> ModelOutput

    /// Runs the network of a role on what another network answered, which has to hold the taps that it goes on from
    /// (IDerivedNetwork.Basis). Precision, mode and taps as in Forward. Where the stage trains the role, with graph to its
    /// parameters and to the answer; else without. Raises KDP0306 for a network that does not go on from another one.
    abstract ForwardFrom: role: string * basis: ModelOutput * taps: IReadOnlyCollection<string> -> ModelOutput

    /// A role's network for writing texts: each Append is in evaluation mode and without graph, as in an evaluation, whatever the stage
    /// trains. Raises KDP0306 where the role's network is no ICausalLanguageModel.
    abstract Writer: role: string -> ICausalLanguageModel

    /// What a step makes beside its updates, such as images of a generator: without graph, with the run's precision; float32.
    abstract WithoutGraph: compute: Func<Tensor> -> Tensor

    /// Runs the network of a role that the stage does not train with graph to the batch's input: for images that are
    /// optimised, adversarial generators, gradients of an answer. Precision, evaluation mode and taps as in Forward; the
    /// network itself computes, never a folded copy, and its parameters get no gradient. Raises KDP0748 for a role that the
    /// stage trains.
    abstract Through: role: string * batch: Batch * taps: IReadOnlyCollection<string> -> ModelOutput

    /// The same with what went into the network's 2-d batch norms. unbiased: see NormStatistics.During. Raises KDP0306 where
    /// the network computes no such norm that keeps running statistics.
    abstract ThroughNorms:
        role: string * batch: Batch * taps: IReadOnlyCollection<string> * unbiased: bool ->
            struct (ModelOutput * NormStatistics)

    /// The recipe's losses, weighted and summed; each is reported. teacher: null where nobody teaches.
    abstract Objective: student: ModelOutput * teacher: ModelOutput * batch: Batch -> Tensor

    /// The same with outputs of further roles. studentRole learns from teacherRole (null for nobody) by the losses that the
    /// plan has for them (IPlanContext.TrainableOf): KDP0306 where it names other pairs.
    abstract Objective:
        outputs: IReadOnlyDictionary<string, ModelOutput> * studentRole: string * teacherRole: string * batch: Batch ->
            Tensor

    /// The same with weights on top of the recipe's: own for those losses that need no teacher, guided for those that need one.
    /// What has the weight 0 is not computed.
    abstract Objective:
        outputs: IReadOnlyDictionary<string, ModelOutput> *
        studentRole: string *
        teacherRole: string *
        batch: Batch *
        own: double *
        guided: double ->
            Tensor

    /// The same by those losses alone that need a teacher, each reported as "<loss id>.guided": for batches whose own
    /// targets mean nothing (mixed, picked, synthesised). Raises KDP0306 where no loss of the recipe needs a teacher.
    abstract Guidance: student: ModelOutput * teacher: ModelOutput * batch: Batch -> Tensor

    /// One update: clears the gradients of the trainables, computes the objective (under the run's precision), goes
    /// backward, clips, steps the optimisers at their schedules' rate. The objective's value comes back, detached.
    /// Where the recipe accumulates gradients, the objective is computed once for each batch of the update: it draws its
    /// batches itself, what it makes dies after it, and the gradients are the mean over all samples. An objective that draws
    /// none is computed once. While it is computed, only what the trainables hold gets gradients, and of what the strategy
    /// registered and of generators only that is in training mode; outside of updates, what the stage's trainables hold. Roles
    /// that the stage names in Trains, and losses, stay in training mode. Raises KDP0701 to KDP0703 for an objective that is not finite, no scalar, without graph or with
    /// one to nothing of the trainables, KDP0741 for null, KDP0742 for a trainable that the stage does not list.
    abstract Update: trainables: IReadOnlyList<Trainable> * objective: Func<Tensor> -> Tensor

    /// Steps the optimiser with the gradients that are there (for methods that make gradients themselves). Gradients live no
    /// longer than a step: what one makes and nobody applies is refused with KDP0745.
    abstract Apply: trainable: Trainable -> unit

    /// Forgets what the optimiser has gathered (moments, the count of steps), for parameters that begin anew: the next
    /// item of a synthesis, a network that is drawn again.
    abstract Restart: trainable: Trainable -> unit

    /// Publishes a scalar tensor for the events and the report; read once, when events are written.
    abstract Report: name: string * value: Tensor -> unit

    /// Publishes a value that augmentations and losses can read in this step.
    abstract Publish: name: string * value: double -> unit

    /// Evaluates a role's network on a source. samples: at most so many, 0 for all; they are spread evenly over the
    /// source, over its classes where it knows them, and are the same ones every time.
    abstract Evaluate: role: string * source: string * samples: int64 -> Evaluation

    /// Goes through a source once, in order, as an evaluation does: batches as evaluation.batchSize says, of the
    /// shared augmentations only those that belong to evaluations, float32, no graph, no draw from the source's order.
    /// For scores that are no accuracy. Tensors made in the action die after it. samples: at most so many, 0 for all, chosen
    /// as Evaluate does. Raises KDP0305 for an unknown source.
    abstract Visit: source: string * samples: int64 * action: Action<Batch> -> unit

    /// Does something as evaluations do it, in the middle of a step: every network in evaluation mode, those too that the stage
    /// trains, in float32 and without graph. Afterwards the step goes on in the modes that it had.
    abstract AsEvaluation: action: Action -> unit

    /// Ends the stage after this step.
    abstract EndStage: reason: string -> unit

/// A part of a run: what is trained, for how long, and what a step does.
/// step: one step; see IStepContext.
[<Sealed>]
type Stage(name: string, length: StageLength, step: Action<IStepContext>) =

    /// Unique within the run, in kebab-case.
    member _.Name = name

    /// How long it is.
    member _.Length = length

    /// What one step does. Where the recipe accumulates gradients, a step of a stage that has trainables is one update of
    /// several batches, and an epoch has fewer steps; KDP0311 where the step then draws its batches outside of an objective.
    member _.Step = step

    /// The source whose length is an epoch.
    member val Source = "train" with get, set

    /// The steps of an epoch where the stage counts its own, as one without data does; 0 for the source's length.
    member val StepsPerEpoch = 0L with get, set

    /// Everything that this stage trains: its steps update nothing else. Refused with KDP0746 where they update none of it.
    member val Trainables: IReadOnlyList<Trainable> = Array.Empty<Trainable>() with get, set

    /// The roles that are in training mode, as far as the trainables hold their parameters (wholly where they hold none), and
    /// whose forward passes record a graph. Everything else of the run is in the mode that Update says; no step sets modes.
    member val Trains: IReadOnlyCollection<string> = Array.Empty<string>() with get, set

    /// The roles evaluated on the validation source after every epoch.
    member val Evaluates: IReadOnlyCollection<string> = Array.Empty<string>() with get, set

    /// The source that they are evaluated on.
    member val Validation = "validation" with get, set

    /// The stage's own score for choosing its best state, higher is better, computed after every epoch; null for the
    /// validation score of each evaluated role (Evaluation.Score), which chooses that role's state: its network, and what
    /// a trainable trains with it. What goes with none goes with the first. While it is computed, everything is in
    /// evaluation mode, in float32 and without graph.
    member val Score: Func<IStepContext, double> = null with get, set

    /// Whether the best state, of each evaluated role its own, is put back when the stage ends.
    member val KeepBest = false with get, set

    /// Called once before the first step of the stage, not when it is resumed; null for nothing.
    member val Begin: Action<IStepContext> = null with get, set

    /// Called once after the last step; null for nothing.
    member val End: Action<IStepContext> = null with get, set
