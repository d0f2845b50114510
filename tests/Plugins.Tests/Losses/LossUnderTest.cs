using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>A loss by its id, and what it makes of tensors: logits, embeddings, or one tap per tensor, as it reads them.</summary>
internal static class LossUnderTest
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(typeof(KdLoss).Assembly);

    internal static readonly string[] OfLogits = ["kd", "dkd", "dist", "lskd"];
    internal static readonly string[] OfEmbeddings = ["rkd", "pkt"];
    internal static readonly string[] OfFeatures = ["at", "sp", "nst", "fsp"];

    /// <summary>Every loss that compares two networks.</summary>
    public static string[] Ids => [.. OfLogits, .. OfEmbeddings, .. OfFeatures];

    /// <summary>The loss with options from JSON, as a recipe gives them.</summary>
    public static IDistillationLoss New(string id, string options = "{}")
    {
        var loss = (IDistillationLoss)Catalog.Create(PluginKind.Loss, id).Plugin;
        loss.Configure(OptionsBinder.Bind(loss.OptionsType, options, "the test"));
        return loss;
    }

    /// <summary>The value in the first epoch.</summary>
    public static Tensor Value(
        string id,
        IReadOnlyList<Tensor> student,
        IReadOnlyList<Tensor> teacher,
        string options = "{}",
        params long[] labels
    ) => New(id, Complete(id, options, student.Count)).Compute(Context(id, student, teacher, labels));

    /// <summary>What the loss sees; labels count up where none are given.</summary>
    public static LossContextStub Context(
        string id,
        IReadOnlyList<Tensor> student,
        IReadOnlyList<Tensor> teacher,
        long[] labels,
        long epoch = 0
    )
    {
        var count = student[0].shape[0];
        var classes = labels.Length > 0 ? tensor(labels) : arange(count, ScalarType.Int64) % 2;
        var batch = new Batch(zeros(count, 1), new ClassIndexTarget(classes), arange(count, ScalarType.Int64));
        return new(Answer(id, student), Answer(id, teacher), batch) { Progress = new("test", epoch, 100, 1) };
    }

    /// <summary>Random inputs that the loss compares: float64, one tap or two for losses on features.</summary>
    public static Tensor[] Draw(string id, Generator generator)
    {
        Tensor Normal(params long[] shape) => randn(shape, dtype: ScalarType.Float64, generator: generator);
        return OfFeatures.Contains(id) ? [Normal(3, 4, 4, 4), Normal(3, 5, 2, 2)] : [Normal(6, 5)];
    }

    private static string Complete(string id, string options, int taps)
    {
        if (!OfFeatures.Contains(id))
            return options;
        var all = JsonNode.Parse(options)!.AsObject();
        all["taps"] = new JsonArray([.. Enumerable.Range(0, taps).Select(n => JsonValue.Create($"tap{n}"))]);
        return all.ToJsonString();
    }

    private static ModelOutput Answer(string id, IReadOnlyList<Tensor> tensors) =>
        OfEmbeddings.Contains(id) ? Stubs.Output(zeros(tensors[0].shape[0], 2), tensors[0])
        : OfFeatures.Contains(id)
            ? Stubs.Output(
                zeros(tensors[0].shape[0], 2),
                null,
                tensors.Select((t, n) => (t, n)).ToDictionary(p => $"tap{p.n}", p => p.t)
            )
        : Stubs.Output(tensors[0]);
}
