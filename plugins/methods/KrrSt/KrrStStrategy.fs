namespace KdPlugins.KrrSt

open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

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

    // One network may stand for several of these.
    override this.Needs =
        let o = this.Options
        Array.append (Array.except o.Needs [| o.Target; o.Base |]) o.Needs

    override this.Result = this.Options.Student

    /// Raises KDP0304 where pre-training needs classes and the source has none, KDP0305 for a source that is not there, KDP0306
    /// where the parts do not go together.
    override this.Plan context =
        let options, asker = this.Options, this.Asker

        let embedding =
            asker.RequireEmbedding(context.Network(options.Target).Shape, options.Target, CoreErrors.WrongCombination)

        let labelled = options.PreTrain.LearnsClasses

        let width =
            if labelled then
                Transfer.DataOf(asker, context, options.Source, options.PreTrain).Classes
            else
                embedding

        // Only a real image has a class.
        if labelled && (options.Start = "noise" || options.Distil.Steps > 0) then
            RealImages.refuse
                asker
                "takes the objective \"labels\" for real images as they were picked; noise has no classes, and learned images have targets."
                "Set \"distil.steps\" to 0 and \"start\" to random or k-means, or \"preTrain.objective\" to \"regression\"."

        let transfer = Transfer(asker, context, options, KrrStStrategy.SetSource, width, id)
        let set = SyntheticSet(context, int64 options.Images, embedding, labelled)
        let space = RealImages.space asker context.Data options.Normalised
        let collecting = Collecting(asker, context, options, set, space)
        context.AddSource(KrrStStrategy.SetSource, set)

        // As "distilled-set" reads it.
        let write folder =
            use _ = torch.NewDisposeScope()
            use _ = torch.no_grad ()

            let tensors =
                readOnlyDict [ "images", space.ToPixels set.Images; "soft", set.Targets.detach () ]

            DistilledSet.Write(folder, "krr-st", context.Data, context.Origin, tensors)
            |> ignore

        context.Export("distilled", write)

        [|
            collecting.Stage
            // Without distillation nothing is learned through the pool.
            if options.Distil.Steps > 0 then
                let pool = ModelPool(asker, context, options, set)
                pool.Stage
                Distilling(asker, context, options, set, pool).Stage
            yield! transfer.Stages
        |]
