namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// An augmentation, or several in a row, that is to be ranked.
/// name: how it is called in the ranking. chain: in the order of application; empty for none.
[<Sealed>]
type RankingCandidate(name: string, chain: IReadOnlyList<PluginChoice>) =

    /// How it is called in the ranking.
    member _.Name = name

    /// In the order of application.
    member _.Chain = chain

/// What an augmentation does to a teacher's answers.
type RankedAugmentation =
    {
        /// The candidate's name.
        Name: string

        /// GroupDeviation.Value of the teacher's answers; lower is better.
        Deviation: double

        /// The lower end of its interval.
        Lower: double

        /// The upper end of its interval.
        Upper: double

        /// The deviation divided by that of the candidate that ranks just before; NaN for the first.
        Ratio: double

        /// The lower end of the ratio's interval; above 1 where the two are told apart.
        RatioLower: double

        /// The upper end of the ratio's interval.
        RatioUpper: double

        /// Mean entropy of the teacher's answers, in nats.
        Entropy: double

        /// How long it took.
        Seconds: double
    }

/// Augmentations, the best one first.
type Ranking =
    {
        /// Ordered by deviation.
        Candidates: IReadOnlyList<RankedAugmentation>

        /// Groups of samples per candidate.
        Groups: int

        /// Answers in a group: to samples without and with the candidate. The deviation depends on it, about as one over its
        /// root: compare only what has the same.
        GroupRows: int64

        /// Training samples that were drawn per candidate.
        Samples: int64

        /// The share of the training samples that a group without the candidate holds. Samples are drawn without replacement,
        /// so that large groups of a small set differ little whatever the candidate does: it ought to be small.
        GroupShare: double
    }

/// How to rank.
[<Sealed>]
type RankingOptions() =

    /// The role that teaches.
    member val Teacher = Roles.Teacher with get, set

    /// Training samples per candidate; more make narrower intervals.
    member val Samples = 16_000L with get, set

    /// Training samples per group, rounded to whole batches.
    member val GroupSamples = 320L with get, set

    /// Of the intervals, a share in (0, 1).
    member val Confidence = 0.95 with get, set

    /// Told of every candidate's name, deviation and seconds when it is measured; null for nobody.
    member val Measured: Action<string, double, double> = null with get, set

    /// Told of what is doubtful, such as weights whose record says that they were made for other inputs; null for nobody.
    member val Warned: Action<string> = null with get, set

    /// Looked at between steps.
    member val Cancellation = CancellationToken.None with get, set

    /// The time.
    member val Clock = TimeProvider.System with get, set

/// What one candidate's steps have found.
[<Sealed>]
type internal CandidateMeter(stepsPerGroup: int64) =
    let groups = List<double[]>()
    let mutable sum: Tensor = null
    let mutable rows = 0L
    let mutable steps = 0L
    let mutable entropy = 0.0
    let mutable allRows = 0L

    /// Adds a step's answers, float [B, classes] each.
    member _.Add(answers: Tensor seq) =
        for logits in answers do
            if logits.dim () <> 2L then
                Fail.error
                    CoreErrors.ShapesDiffer
                    $"A ranking needs logits [batch, classes], the teacher gave {TensorText.Describe logits}."

            let log = KdMath.LogProbabilities(logits.to_type torch.ScalarType.Float64, 1.0)
            let p = log.exp ()
            let part = p.sum 0L

            if isNull sum then
                sum <- part.DetachFromDisposeScope()
            else
                sum.add_ part |> ignore

            entropy <- entropy - p.mul(log).sum().item<double>()
            rows <- rows + logits.shape[0]

        steps <- steps + 1L

        if steps % stepsPerGroup = 0L then
            groups.Add(sum.div((float rows).ToScalar()).cpu().data<double>().ToArray())
            sum.Dispose()
            sum <- null
            allRows <- allRows + rows
            rows <- 0L

    /// The groups so far.
    member _.Groups: IReadOnlyList<double[]> = groups

    /// Mean over all answers, in nats.
    member _.Entropy = entropy / float allRows

    interface IDisposable with
        member _.Dispose() =
            if not (isNull sum) then
                sum.Dispose()

/// Ranks augmentations for a teacher and its data without training anything: the less the mean answer of the teacher
/// varies from group to group of samples, the better a student learns from it (Wang, Lohit, Jones, Fu 2022).
[<AbstractClass; Sealed>]
type AugmentationRanking private () =

    static let consults (catalog: IPluginCatalog) (chain: PluginChoice seq) =
        chain
        |> Seq.collect (fun choice ->
            use made = RecipePlugins.Create(catalog, PluginKind.Augmentation, choice)
            (made.Plugin :?> IAugmentation).Consults |> Seq.toArray)
        |> Seq.toArray

    static let checkNames (candidates: IReadOnlyList<RankingCandidate>) =
        if candidates.Count = 0 then
            Fail.error CoreErrors.WrongCombination "A ranking needs at least one candidate."

        for struct (name, count) in candidates |> Seq.countBy _.Name |> Seq.map (fun (n, c) -> struct (n, c)) do
            if count > 1 then
                Fail.error CoreErrors.WrongCombination $"The candidate '{name}' is named {count} times."

    // The recipe as far as a ranking needs it: the networks that answer, the data, what comes before the candidates.
    static let reduced (recipe: Recipe) (roles: IReadOnlySet<string>) : Recipe =
        for role in roles do
            match recipe.Model role with
            | missing when isNull (box missing) ->
                let known = String.Join(", ", recipe.Models |> Seq.map _.Role)
                Fail.error CoreErrors.RoleMissing $"A ranking asks the role '{role}'; the recipe has: {known}."
            | model when String.IsNullOrEmpty model.Weights ->
                raise (
                    KdException(
                        CoreErrors.WrongCombination,
                        $"A ranking asks the network of '{role}', and the recipe gives it no weights: what an untrained network answers says nothing.",
                        $"Name a weight file: --set models.{role}.weights=FILE."
                    )
                )
            | _ -> ()

        { recipe with
            Models = recipe.Models |> Seq.filter (fun m -> roles.Contains m.Role) |> Seq.toArray
            Augmentations =
                recipe.Augmentations
                |> Seq.filter (fun a -> a.Role = Recipe.Shared || roles.Contains a.Role)
                |> Seq.toArray
            Sources = [||]
            Generators = [||]
            Losses = [||]
            Prepare = [||]
            Baseline = false
        }

    // Whoever asks a network has to see what the network sees: its view comes before the first of them, else at the end.
    static let place (view: IReadOnlyList<IAugmentation>) (chain: IAugmentation[]) : IReadOnlyList<IAugmentation>[] =
        let first = chain |> Array.tryFindIndex (fun a -> a.Consults.Count > 0)
        let before, after = Array.splitAt (defaultArg first chain.Length) chain
        [| before; view; after |]

    static let step
        (teacher: string)
        (parts: IReadOnlyList<IAugmentation>[])
        (meter: CandidateMeter)
        (s: IStepContext)
        =
        let batch = s.Next "train"
        let original = s.View(teacher, batch)
        let key = s.Random.Derive "candidate"

        // Each part has its own stream: what a candidate draws does not depend on the view's length.
        let changed =
            parts
            |> Seq.indexed
            |> Seq.fold (fun b (i, part) -> Pipeline.apply part (DerivedContext(s, key.Derive(int64 i))) b) batch

        let answer (view: Batch) = s.Consult(teacher, view, [||]).Logits
        meter.Add [| answer original; answer changed |]

    static let hooks (options: RankingOptions) =
        { new ILoopHooks with
            member _.Cancellation = options.Cancellation
            member _.AfterStep(_, _, _) = ()
            member _.OnFailure(_, _, error) = error
            member _.Watcher = null

            member _.Warn message =
                if not (isNull options.Warned) then
                    options.Warned.Invoke message

            member _.Evaluate(_, _, source, _) =
                Fail.error CoreErrors.WrongCombination $"A ranking evaluates nothing, '{source}' neither."
        }

    // Every candidate meets the same batches under the same random streams, so that they differ in nothing else.
    static let measure (run: LiveRun) (steps: int64) perGroup parts (options: RankingOptions) =
        use meter = new CandidateMeter(perGroup)
        let act = Action<IStepContext>(step options.Teacher parts meter)
        let stage = Stage("ranking", StageLength.Steps steps, act)
        let key = run.Key.Derive("stage").Derive("ranking")

        TrainingLoop.runStage run stage stage.Name key 0L 0L (Reports()) (hooks options)
        |> ignore

        run.Cursors.Clear()
        options.Cancellation.ThrowIfCancellationRequested()
        struct (meter.Groups, meter.Entropy)

    static let row (confidence: double) (before: (string * _ * _ * _) option) (name, groups, entropy, seconds) =
        let struct (low, high) = GroupDeviation.Interval(groups, confidence)

        let struct (ratio, ratioLow, ratioHigh) =
            match before with
            | Some(_, reference, _, _) -> GroupDeviation.Ratio(groups, reference, confidence)
            | None -> struct (nan, nan, nan)

        {
            Name = name
            Deviation = GroupDeviation.Value groups
            Lower = low
            Upper = high
            Ratio = ratio
            RatioLower = ratioLow
            RatioUpper = ratioHigh
            Entropy = entropy
            Seconds = seconds
        }

    /// Measures every candidate on the recipe's data with its teacher. A candidate stands between the shared augmentations
    /// and the teacher's view; from its first augmentation that consults a network on, behind the view.
    /// Raises KDP02xx to KDP05xx for what does not fit: an unknown plugin, a network without weights, a candidate that the
    /// data cannot serve, fewer samples than make GroupDeviation.FewestGroups groups.
    static member Run
        (recipe: Recipe, catalog: IPluginCatalog, candidates: IReadOnlyList<RankingCandidate>, options: RankingOptions)
        : Ranking =
        checkNames candidates

        let own =
            Seq.append (recipe.AugmentationsOf Recipe.Shared) (recipe.AugmentationsOf options.Teacher)

        let roles =
            candidates
            |> Seq.collect _.Chain
            |> Seq.append own
            |> consults catalog
            |> HashSet

        roles.Add options.Teacher |> ignore
        let composer = Composer(reduced recipe roles, catalog, options.Clock, null)
        use composition = composer.ComposeNetworks()

        if not (isNull options.Warned) then
            NetworkRecord.warn composition options.Warned.Invoke

        let run = composition.Run
        let batch = min recipe.Training.BatchSize (run.Feed "train").Source.Count
        let perGroup = max 1L (int64 (Math.Round(float options.GroupSamples / float batch)))
        let groups = options.Samples / (perGroup * batch)

        if groups < int64 GroupDeviation.FewestGroups then
            Fail.error
                CoreErrors.WrongCombination
                $"{options.Samples} samples make {groups} groups of {perGroup * batch}; a ranking needs at least {GroupDeviation.FewestGroups}, so {int64 GroupDeviation.FewestGroups * perGroup * batch} samples."

        let measured =
            [
                for candidate in candidates ->
                    let chain = candidate.Chain |> Seq.map composer.Augmentation |> Seq.toArray
                    let placed = place (run.Role options.Teacher).Augmentations chain
                    let began = options.Clock.GetTimestamp()

                    let struct (found, entropy) =
                        measure run (groups * perGroup) perGroup placed options

                    let seconds = options.Clock.GetElapsedTime(began).TotalSeconds

                    if not (isNull options.Measured) then
                        options.Measured.Invoke(candidate.Name, GroupDeviation.Value found, seconds)

                    (candidate.Name, found, entropy, seconds)
            ]
            |> List.sortBy (fun (_, groups, _, _) -> GroupDeviation.Value groups)

        let before = None :: List.map Some measured |> List.take measured.Length

        {
            Candidates = List.map2 (row options.Confidence) before measured |> List.toArray
            Groups = int groups
            GroupRows = 2L * perGroup * batch
            Samples = groups * perGroup * batch
            GroupShare = float (perGroup * batch) / float (run.Feed "train").Source.Count
        }
