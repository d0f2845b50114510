using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>
/// The smallest plugins that a run needs, so that an author's tests need no others: <c>kit-data</c>, <c>kit-net</c>,
/// <c>kit-cross-entropy</c>, <c>kit-kd</c>, <c>kit-generator</c>, <c>kit-offline</c> and <c>kit-accuracy</c>.
/// </summary>
public static class KitParts
{
    /// <summary>The classes, for a <see cref="TestCatalog"/>.</summary>
    public static IReadOnlyList<Type> Types { get; } =
    [
        typeof(KitData),
        typeof(KitNet),
        typeof(KitCrossEntropy),
        typeof(KitKd),
        typeof(KitGenerator),
        typeof(KitOffline),
        typeof(KitAccuracy),
    ];

    /// <summary>A small recipe with a teacher, a student and the kit's parts, 2 epochs of 4 steps.</summary>
    /// <param name="strategy">The section of the strategy, JSON.</param>
    /// <param name="losses">The losses' sections, JSON.</param>
    /// <param name="augmentations">The shared augmentations' sections, JSON.</param>
    /// <param name="generators">Generators by name, JSON object.</param>
    public static string Recipe(
        string strategy = """{ "id": "kit-offline" }""",
        string losses = """[{ "id": "kit-cross-entropy" }, { "id": "kit-kd" }]""",
        string augmentations = "[]",
        string generators = "{}"
    ) =>
        $$"""
            {
              "name": "kit",
              "device": "cpu",
              "dataset": { "id": "kit-data" },
              "models": {
                "teacher": { "id": "kit-net", "options": { "width": 8 } },
                "student": { "id": "kit-net" }
              },
              "augmentations": { "shared": {{augmentations}} },
              "generators": {{generators}},
              "losses": {{losses}},
              "strategy": {{strategy}},
              "training": { "epochs": 2, "batchSize": 16 }
            }
            """;
}

/// <summary>Images [3, 8, 8] of 4 classes: noise around a colour per class.</summary>
[KdDataset("kit-data", Description = "For tests: noise around a colour per class")]
internal sealed class KitData : DatasetPlugin<NoOptions>, IDataset, IDataSource
{
    /// <inheritdoc/>
    public DataInfo Info { get; } =
        new(InputKind.Image, [3, 8, 8], TargetKind.ClassIndex, 4, [], [.5, .5, .5], [.25, .25, .25], []);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Splits => ["train", "test"];

    /// <inheritdoc/>
    public string Fingerprint => new('0', 64);

    /// <inheritdoc/>
    public long Count => 72;

    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => this;

    IDataSource IDataset.Open(string split) => this;

    /// <inheritdoc/>
    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var pixels = new float[indices.Length * 192];
        var labels = new long[indices.Length];
        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices.Span[i];
            var random = new SeededRandom(new RandomKey(3).Derive(index).Value);
            labels[i] = index % 4;
            for (var p = 0; p < 192; p++)
                pixels[i * 192 + p] = 0.5f * random.NextSingle() + (p / 64 == labels[i] ? 0.5f : 0.1f);
        }
        using var flat = tensor(pixels);
        var input = flat.view(indices.Length, 3, 8, 8);
        return new(input, new ClassIndexTarget(tensor(labels)), tensor(indices.ToArray()));
    }

    /// <summary>Nothing is open.</summary>
    public void Dispose() { }
}

/// <summary>The options of <c>kit-net</c>.</summary>
internal sealed record KitNetOptions
{
    /// <summary>Channels.</summary>
    [System.ComponentModel.DataAnnotations.Range(1, 64)]
    public int Width { get; init; } = 4;
}

/// <summary>
/// Convolution, batch norm, ReLU, pooling and a linear layer, with the taps <c>early</c> and <c>late</c>. In training it has
/// dropout and noise from <c>rand</c>, so that a step that draws otherwise after a resume trains otherwise. It can be frozen.
/// </summary>
[KdModel("kit-net", Description = "For tests: one convolution, dropout and noise")]
internal sealed class KitNet : ModelPlugin<KitNetOptions>
{
    /// <inheritdoc/>
    public override INetwork Create(ModelRequest request) => new Net(Options.Width, request);

    private sealed class Net : nn.Module<Tensor, Tensor>, IFreezableNetwork
    {
        private readonly Conv2d conv;
        private readonly BatchNorm2d norm;
        private readonly Linear last;

        internal Net(int width, ModelRequest request)
            : base("kit-net")
        {
            conv = nn.Conv2d(request.InputShape[0], width, 3, padding: 1, bias: false);
            norm = nn.BatchNorm2d(width);
            last = nn.Linear(width, request.Classes);
            RegisterComponents();
            long[] map = [width, request.InputShape[1], request.InputShape[2]];
            Shape = new(request.InputShape, request.Classes, width, [new("early", map, true), new("late", map, false)]);
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
        {
            var early = norm.call(conv.call(input));
            var late = nn.functional.relu(early);
            var pooled = late.mean([2, 3]);
            if (training)
#pragma warning disable KDA0011 // As dropout does: the engine seeds the default generators in every step.
                pooled = nn.functional.dropout(pooled, 0.2, training) + rand_like(pooled) * 0.1;
#pragma warning restore KDA0011
            return Output(last.call(pooled), pooled, early, late);
        }

        public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;

        public INetwork Freeze(ScalarType dtype) =>
            new Frozen(FrozenConv2d.From(conv, norm, dtype: dtype), FrozenLinear.From(last), Shape);
    }

    private sealed class Frozen : nn.Module, INetwork
    {
        private readonly FrozenConv2d conv;
        private readonly FrozenLinear last;

        internal Frozen(FrozenConv2d conv, FrozenLinear last, NetworkShape shape)
            : base("frozen kit-net")
        {
            (this.conv, this.last, Shape) = (conv, last, shape);
            RegisterComponents();
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
        {
            var early = conv.call(input);
            var late = nn.functional.relu(early);
            var pooled = late.mean([2, 3], type: ScalarType.Float32);
            return Output(last.call(pooled), pooled, early, late);
        }
    }

    private static ModelOutput Output(Tensor logits, Tensor pooled, Tensor early, Tensor late) =>
        Stubs.Output(logits, pooled, new Dictionary<string, Tensor> { ["early"] = early, ["late"] = late });
}

/// <summary>Cross-entropy with the classes; nothing where samples have none.</summary>
[KdLoss("kit-cross-entropy", Description = "For tests: cross-entropy")]
internal sealed class KitCrossEntropy : DistillationLoss<NoOptions>
{
    /// <inheritdoc/>
    public override bool NeedsTeacher => false;

    /// <inheritdoc/>
    public override Tensor Compute(ILossContext context) =>
        nn.functional.cross_entropy(
            context.Student.Logits,
            TargetReader.As<ClassIndexTarget>(context.Batch.Target, "Loss 'kit-cross-entropy'").Labels
        );
}

/// <summary>Squared distance of the logits.</summary>
[KdLoss("kit-kd", Description = "For tests: squared distance of the logits")]
internal sealed class KitKd : DistillationLoss<NoOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the logits differ in shape.</exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        if (!student.shape.AsSpan().SequenceEqual(teacher.shape))
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss 'kit-kd' got logits {TensorText.Shape(student.shape)} and {TensorText.Shape(teacher.shape)}."
            );
        return (student - teacher).square().mean();
    }
}

/// <summary>A linear layer and a sigmoid from 6 numbers to images.</summary>
[KdGenerator("kit-generator", Description = "For tests: one linear layer")]
internal sealed class KitGenerator : Generator<NoOptions>, ILatentGenerator
{
    private Linear? _linear;
    private long[] _shape = [];

    /// <inheritdoc/>
    public long Latent => 6;

    /// <inheritdoc/>
    public override nn.Module? Module => _linear;

    /// <inheritdoc/>
    public override void Bind(GeneratorBinding binding)
    {
        _shape = [.. binding.Data.InputShape];
        _linear = nn.Linear(Latent, _shape.Aggregate(1L, (a, b) => a * b));
        _linear.to(binding.Device);
    }

    /// <inheritdoc/>
    public Tensor Decode(Tensor latent) => _linear!.call(latent).sigmoid().view([latent.shape[0], .. _shape]);

    /// <inheritdoc/>
    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        if (labels is not null)
            throw new KdException(
                CoreErrors.WrongCombination,
                "Generator 'kit-generator' cannot be asked for classes."
            );
        using var random = context.Random.Derive("z").NewGenerator(context.Device);
        var z = randn([count, Latent], device: context.Device, generator: random);
        return new(Decode(z), new NoTarget(count), full([count], -1L, ScalarType.Int64));
    }
}

/// <summary>A fixed teacher, a student, the recipe's losses.</summary>
[KdStrategy("kit-offline", Description = "For tests: a fixed teacher and a student")]
internal sealed class KitOffline : DistillationStrategy<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.TrainableOf(Roles.Student);
        return
        [
            new Stage(
                "distil",
                StageLength.Epochs(context.Training.Epochs),
                step =>
                    step.Update(
                        [student],
                        () =>
                        {
                            var batch = step.Next("train");
                            var view = step.View(Roles.Student, batch);
                            var taught = step.Forward(Roles.Teacher, step.View(Roles.Teacher, batch), null);
                            return step.Objective(step.Forward(Roles.Student, view, null), taught, view);
                        }
                    )
            )
            {
                Trainables = [student],
                Trains = [Roles.Student],
                Evaluates = [Roles.Student],
            },
        ];
    }
}
