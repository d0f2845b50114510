namespace KdPlugins.KrrSt

open System
open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// KRR-ST: a small set of images and targets is learned so that kernel ridge regression on it says of real images what a
/// self-supervised target model says. Stages: "collect", "pool", "distil"; then, as far as the options say, "pre-train"
/// and "free-kd" on the set, and "fine-tune" on the main data set. Writes the set to "outputs/distilled".
[<Sealed;
  KdStrategy("krr-st",
             Description = "Distils unlabelled data into a set for pre-training, by kernel ridge regression",
             Paper =
                 "Lee, Lee, Ko, Kawaguchi, Lee, Hwang: Self-Supervised Dataset Distillation for Transfer Learning, ICLR 2024")>]
type KrrStStrategy() =
    inherit DistillationStrategy<KrrStOptions>()

    /// The source under which later stages find the set.
    static member internal SetSource = "krr-st-set"

    /// Only a real image has a class.
    static member private RequireLabels(context: IPlanContext, options: KrrStOptions) =
        Transfer.requireTarget "krr-st" context options.Source options.PreTrain

        if options.Start = "noise" || options.Distil.Steps > 0 then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    "The objective \"labels\" is for real images as they were picked; noise has no classes, and learned images have targets.",
                    "Set \"distil.steps\" to 0 and \"start\" to random or k-means, or \"preTrain.objective\" to \"regression\"."
                )
            )

    override this.Needs =
        let o = this.Options
        let teaches = o.FreeKd.Epochs > 0

        // One network may stand for several of these, but nobody distils itself.
        [|
            yield!
                Array.distinct
                    [|
                        o.Target
                        o.Base
                        if teaches then
                            o.Teacher
                    |]
                |> Array.except [ o.Student ]
            o.Student
            if teaches && o.Teacher = o.Student then
                o.Teacher
        |]
        :> IReadOnlyCollection<string>

    override this.Result = this.Options.Student

    /// Raises KDP0304 where pre-training needs classes and the source has none, KDP0305 for a source that is not there, KDP0306
    /// where the parts do not go together.
    override this.Plan context =
        let options = this.Options
        Transfer.requireNoTeacherLoss "krr-st" context
        let target = context.Network(options.Target).Shape

        if target.Embedding < 1L then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"Strategy 'krr-st' learns the target model's embeddings; the network of role '{options.Target}' has none."
                )
            )

        let labelled = Transfer.targetOf options.PreTrain = TargetKind.ClassIndex

        if labelled then
            KrrStStrategy.RequireLabels(context, options)

        let set = SyntheticSet(context, int64 options.Images, target.Embedding, labelled)
        let pixels = Pixels(context.Data, options.Normalised)
        let collecting = Collecting(context, options, set, pixels)
        context.AddSource(KrrStStrategy.SetSource, set)

        context.Export(
            "distilled",
            Action<string>(fun folder -> set.Write(folder, context.Data, context.Origin, pixels))
        )

        let transfer: Transfer.Plan =
            {
                Context = context
                Options = options
                Source = KrrStStrategy.SetSource
                Width =
                    if labelled then
                        (context.SourceData options.Source).Classes
                    else
                        target.Embedding
                ToInput = id
            }

        // Without distillation nothing is learned through the pool.
        let learned =
            if options.Distil.Steps = 0 then
                []
            else
                let pool = ModelPool(context, options, set)
                [ pool.Stage; Distilling(context, options, set, pool, pixels).Stage ]

        [| collecting.Stage; yield! learned; yield! Transfer.stages transfer |] :> IReadOnlyList<Stage>
