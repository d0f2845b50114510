namespace KdPlugins;

/// <summary>
/// A trained student in an application: images in, classes out. Its file, which <c>kd export</c> writes, says what it takes and what its
/// answers mean. Any number of threads may ask one student at once.
/// </summary>
public sealed class Student : IDisposable
{
    private readonly StudentSession _session;
    private readonly ImageReader _reader;

    private Student(byte[] model, string name, StudentOptions? options)
    {
        var settings = (options ?? new()).Checked();
        _session = new(model, name, settings);
        _reader = new(_session.Card, settings.MaxMegapixels * 1_000_000L);
    }

    /// <summary>Loads a student from a file.</summary>
    /// <param name="path">What <c>kd export</c> has written.</param>
    /// <param name="options">How it computes; null for the defaults.</param>
    /// <exception cref="StudentException">The file cannot be read, or holds no student.</exception>
    public static Student Load(string path, StudentOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(Opened(path, File.ReadAllBytes), $"'{path}'", options);
    }

    /// <summary>Loads a student from memory.</summary>
    /// <param name="model">The bytes of the file.</param>
    /// <param name="options">How it computes; null for the defaults.</param>
    /// <exception cref="StudentException">They are no student.</exception>
    public static Student Load(ReadOnlyMemory<byte> model, StudentOptions? options = null) =>
        new(model.ToArray(), "The model", options);

    /// <summary>The classes' names in the order of the answers.</summary>
    public IReadOnlyList<string> ClassNames => _session.Card.ClassNames;

    /// <summary>1 for brightness, 3 for red, green, blue.</summary>
    public int Channels => _session.Card.Channels;

    /// <summary>Pixels that images are brought to.</summary>
    public int Height => _session.Card.Height;

    /// <summary>Pixels that images are brought to.</summary>
    public int Width => _session.Card.Width;

    /// <summary>The file's metadata; <c>kd.record</c> is JSON that says where the student comes from and how good it is.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _session.Metadata;

    /// <summary>What the student says of an image file.</summary>
    /// <param name="path">JPEG, PNG, WebP, GIF or BMP of any size.</param>
    /// <exception cref="StudentException">It cannot be read, or is no image.</exception>
    public Prediction Predict(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = Opened(path, File.OpenRead);
        return Predict(stream, $"'{path}'");
    }

    /// <summary>What the student says of an encoded image, which begins where the stream stands. The stream stays open.</summary>
    /// <param name="image">JPEG, PNG, WebP, GIF or BMP of any size.</param>
    /// <exception cref="StudentException">It is no image.</exception>
    public Prediction Predict(Stream image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Predict(image, "The image");
    }

    /// <summary>What the student says of pixels in memory.</summary>
    /// <param name="pixels">Row by row from the top left, without gaps.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="format">What a pixel is.</param>
    /// <exception cref="ArgumentException">There are more or fewer bytes than such an image has.</exception>
    public Prediction Predict(ReadOnlySpan<byte> pixels, int width, int height, PixelFormat format = PixelFormat.Rgb24)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        var expected = (long)width * height * format.Size();
        if (pixels.Length != expected)
            throw new ArgumentException(
                $"An image of {width}x{height} pixels in {format} has {expected} bytes, got {pixels.Length}.",
                nameof(pixels)
            );
        var planes = new byte[_session.Card.Values];
        _reader.Read(pixels, width, height, format, planes);
        return Answers(planes, 1)[0];
    }

    /// <summary>What the student says of several image files, computed as one batch.</summary>
    /// <param name="paths">As of <see cref="Predict(string)"/>.</param>
    /// <returns>In the order of the files.</returns>
    /// <exception cref="StudentException">One of them cannot be read, or is no image; it is named.</exception>
    public IReadOnlyList<Prediction> Predict(IReadOnlyList<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (paths.Count == 0)
            return [];
        var planes = new byte[paths.Count * _session.Card.Values];
        for (var i = 0; i < paths.Count; i++)
        {
            using var stream = Opened(paths[i], File.OpenRead);
            _reader.Read(stream, $"'{paths[i]}'", planes.AsSpan(i * _session.Card.Values, _session.Card.Values));
        }
        return Answers(planes, paths.Count);
    }

    /// <summary>Gives its memory back, once answers that are on their way have come to their end.</summary>
    public void Dispose() => _session.Dispose();

    private Prediction Predict(Stream stream, string name)
    {
        var planes = new byte[_session.Card.Values];
        _reader.Read(stream, name, planes);
        return Answers(planes, 1)[0];
    }

    private Prediction[] Answers(byte[] planes, int count)
    {
        var logits = _session.Run(planes, count);
        var classes = ClassNames.Count;
        return
        [
            .. Enumerable.Range(0, count).Select(i => new Prediction(ClassNames, logits.AsSpan(i * classes, classes))),
        ];
    }

    private static T Opened<T>(string path, Func<string, T> open)
    {
        try
        {
            return open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new StudentException(StudentFault.FileUnreadable, $"'{path}' cannot be read: {e.Message}", e);
        }
    }
}
