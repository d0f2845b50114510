namespace KdPlugins;

/// <summary>What has gone wrong.</summary>
public enum StudentFault
{
    /// <summary>There is no such file, or it cannot be read.</summary>
    FileUnreadable,

    /// <summary>The model is damaged, or no ONNX model that this ONNX Runtime can load.</summary>
    ModelUnreadable,

    /// <summary>The model does not say what a student has to say: it was not made by <c>kd export</c>.</summary>
    NotAStudent,

    /// <summary>What evaluations did to images before the network is nothing that this package can do.</summary>
    PreprocessingUnknown,

    /// <summary>An image is damaged, of no known format, or larger than it may be.</summary>
    ImageUnreadable,

    /// <summary>ONNX Runtime's native library is missing or cannot be loaded.</summary>
    RuntimeMissing,
}

/// <summary>A model or an image that cannot be used. The message says which, why, and what to do.</summary>
public sealed class StudentException : Exception
{
    /// <param name="fault">What has gone wrong.</param>
    /// <param name="message">Whole sentences.</param>
    /// <param name="inner">The cause.</param>
    internal StudentException(StudentFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    /// <summary>What has gone wrong.</summary>
    public StudentFault Fault { get; }
}
